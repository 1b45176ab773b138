// The loss and its gradient; the layers are in tail.cu, their fast twin in fast/tail_train.cu.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/cublaslt/tail.hpp"
#include "kernels/cuda/fast/tail_weights.hpp"
#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tail.hpp"
#include "kernels/cuda/tail_loss.hpp"

namespace regkit {

using cuda::Piece;
using cuda::Scratch;
using cuda::TailLayers;
using cuda::Tensor;
using cuda::tensor_of;

namespace {

// Adds up the loss of a row (sample, marker) of a piece's logits and leaves their gradient in their place.
struct RowLoss {
    Tensor logits;
    cuda::Runs labels;
    TailLoss how;
    std::int64_t first_sample, first_position;
    double* losses;  // one a row
    __device__ double term(std::int64_t row, std::int64_t position) const {
        const std::int64_t sample = row / logits.channels, marker = row % logits.channels;
        const LabelRun* const run = labels.find(first_sample + sample, marker, first_position + position);
        float& logit = logits.data[row * logits.length + position];
        const cuda::LossAndGradient result = how.kind == LossKind::poisson
                                                 ? cuda::poisson(logit, run ? run->value : 0.0f)
                                                 : cuda::cross_entropy(logit, run != nullptr, how.pos_weight);
        logit = how.scale * result.d_logit;
        return result.loss;
    }
    __device__ void store(std::int64_t row, double total) const { losses[row] = total; }
};

}  // namespace

Status CudaBackend::do_tail_train(const View& h_view, const Tail& tail, const Labels& labels,
                                  const TailLoss& how, const Slice& loss, const TailGradient& gradient,
                                  bool accumulate, const View& dh) noexcept {
    return guarded([&] {
        const Tensor h = tensor_of(h_view);
        const cuda::TailTraining training{tail,     h,          labels,       how, cuda::pointer_to(loss),
                                          gradient, accumulate, tensor_of(dh)};
        if (cublaslt_ && cublaslt_->train(training)) return;
        if (fast() && cuda::fits_fast_tail(tail)) return cuda::fast_tail_train(training, scratch_);
        TailLayers layers(tail, &gradient, scratch_);
        const cuda::Runs runs{scratch_.upload(Scratch::kRuns, labels.runs, labels.offsets[h.batch]),
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
            cuda::sum_each(1, rows, cuda::TotalLoss{losses, total});
            layers.backward(tensor_of(dh), piece, accumulate);
        });
        cuda::for_each(1, cuda::AddLoss{total, how.scale, cuda::pointer_to(loss)});
    });
}

}  // namespace regkit
