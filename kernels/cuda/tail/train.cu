// The loss and its gradient; the layers are in plain.cu, their fast twin in tensor_core_train.cu.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tail/cublaslt.hpp"
#include "kernels/cuda/tail/loss.hpp"
#include "kernels/cuda/tail/packed.hpp"
#include "kernels/cuda/tail/plain.hpp"

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

Status CudaBackend::run(const TailTrain& op) noexcept {
    return guarded([&] {
        const Tensor h = tensor_of(op.h);
        const cuda::TailTraining training{
            op.tail,         h, op.labels, op.how, cuda::pointer_to(op.loss), op.gradient, op.accumulate,
            tensor_of(op.dh)};
        if (cublaslt_ && cublaslt_->train(training)) return;
        if (fast() && cuda::fits_fast_tail(op.tail)) return cuda::fast_tail_train(training, scratch_);
        TailLayers layers(op.tail, &op.gradient, scratch_);
        const cuda::Runs runs{scratch_.upload(Scratch::kRuns, op.labels.runs, op.labels.offsets[h.batch]),
                              scratch_.upload(Scratch::kOffsets, op.labels.offsets, h.batch + 1)};
        const std::int64_t most_rows = layers.most_positions() * op.tail.markers();
        double* const total = scratch_.get<double>(Scratch::kSums, 1 + most_rows);
        double* const losses = total + 1;
        stream_.zero(total, sizeof *total);
        layers.for_each_piece(h.batch, 0, h.length, [&](const Piece& piece) {
            const Tensor logits = layers.forward(h, piece);
            const std::int64_t rows = logits.batch * logits.channels;
            cuda::sum_each(
                rows, logits.length,
                RowLoss{logits, runs, op.how, piece.first_sample, piece.begin * op.tail.stride, losses});
            cuda::sum_each(1, rows, cuda::TotalLoss{losses, total});
            layers.backward(tensor_of(op.dh), piece, op.accumulate);
        });
        cuda::for_each(1, cuda::AddLoss{total, op.how.scale, cuda::pointer_to(op.loss)});
    });
}

}  // namespace regkit
