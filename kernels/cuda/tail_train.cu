// The loss and its gradient; the layers are in tail.cu.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tail.hpp"

namespace regkit {

using cuda::Piece;
using cuda::Scratch;
using cuda::TailLayers;
using cuda::Tensor;
using cuda::tensor_of;

namespace {

// Labels in device memory.
struct Runs {
    const LabelRun* runs;
    const std::int64_t* offsets;

    // The run that holds the marker at an output position; null where it is absent.
    __device__ const LabelRun* find(std::int64_t sample, std::int64_t marker, std::int64_t position) const {
        std::int64_t low = offsets[sample], high = offsets[sample + 1];
        while (low < high) {  // the first run that begins after the position, in the order (marker, begin)
            const std::int64_t middle = (low + high) / 2;
            const LabelRun& run = runs[middle];
            if (run.marker < marker || (run.marker == marker && run.begin <= position))
                low = middle + 1;
            else
                high = middle;
        }
        if (low == offsets[sample]) return nullptr;
        const LabelRun* const run = runs + (low - 1);
        return run->marker == marker && position < run->end ? run : nullptr;
    }
};

struct LossAndGradient {
    float loss, d_logit;
};

__device__ LossAndGradient cross_entropy(float z, bool present, float pos_weight) {
    if (present) return {pos_weight * cuda::softplus_of(-z), -pos_weight * cuda::sigmoid_of(-z)};
    return {cuda::softplus_of(z), cuda::sigmoid_of(z)};
}

__device__ LossAndGradient poisson(float z, float y) {
    const float rate = cuda::softplus_of(z), sigmoid = cuda::sigmoid_of(z);
    const bool is_far_below =
        z < -15;  // there log(softplus(z)) = z and sigmoid(z) = softplus(z) to a float's digits
    const float log_rate = is_far_below ? z : logf(rate);
    return {rate - y * log_rate, sigmoid - y * (is_far_below ? 1.0f : sigmoid / rate)};
}

// Adds up the loss of a row (sample, marker) of a piece's logits and leaves their gradient in their place.
struct RowLoss {
    Tensor logits;
    Runs labels;
    TailLoss how;
    std::int64_t first_sample, first_position;
    double* losses;  // one a row
    __device__ double term(std::int64_t row, std::int64_t position) const {
        const std::int64_t sample = row / logits.channels, marker = row % logits.channels;
        const LabelRun* const run = labels.find(first_sample + sample, marker, first_position + position);
        float& logit = logits.data[row * logits.length + position];
        const LossAndGradient result = how.kind == LossKind::poisson
                                           ? poisson(logit, run ? run->value : 0.0f)
                                           : cross_entropy(logit, run != nullptr, how.pos_weight);
        logit = how.scale * result.d_logit;
        return result.loss;
    }
    __device__ void store(std::int64_t row, double total) const { losses[row] = total; }
};

struct TotalLoss {
    const double* losses;
    double* total;
    __device__ double term(std::int64_t, std::int64_t row) const { return losses[row]; }
    __device__ void store(std::int64_t, double sum) const { *total += sum; }
};

struct AddLoss {
    const double* total;
    float scale;
    float* loss;
    __device__ void operator()(std::int64_t) const { *loss += static_cast<float>(*total * scale); }
};

}  // namespace

Status CudaBackend::do_tail_train(const View& h_view, const Tail& tail, const Labels& labels,
                                  const TailLoss& how, const Slice& loss, const TailGradient& gradient,
                                  bool accumulate, const View& dh) noexcept {
    return guarded([&] {
        const Tensor h = tensor_of(h_view);
        TailLayers layers(tail, &gradient, scratch_);
        const Runs runs{scratch_.upload(Scratch::kRuns, labels.runs, labels.offsets[h.batch]),
                        scratch_.upload(Scratch::kOffsets, labels.offsets, h.batch + 1)};
        const std::int64_t most_rows = layers.most_positions() * tail.markers();
        double* const total = scratch_.get<double>(Scratch::kSums, 1 + most_rows);
        double* const losses = total + 1;
        stream_.zero(total, sizeof *total);
        layers.for_each_piece(h.batch, 0, h.length, [&](const Piece& piece) {
            const Tensor logits = layers.forward(h, piece);
            const std::int64_t rows = logits.batch * logits.channels;
            cuda::sum_each(rows, logits.length,
                           RowLoss{logits, runs, how, piece.first_sample, piece.begin * tail.stride, losses});
            cuda::sum_each(1, rows, TotalLoss{losses, total});
            layers.backward(tensor_of(dh), piece, accumulate);
        });
        cuda::for_each(1, AddLoss{total, how.scale, cuda::pointer_to(loss)});
    });
}

}  // namespace regkit
