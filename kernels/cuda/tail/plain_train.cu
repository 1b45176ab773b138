// Piece by piece: the layers' logits (layers.cu), their loss and its gradient, and back through the layers.
#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tail/layers.hpp"
#include "kernels/cuda/tail/loss.hpp"
#include "kernels/cuda/tail/train.hpp"

namespace regkit::cuda {

namespace {

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

}  // namespace

void plain_tail_train(const TailTraining& training, Scratch& scratch) {
    const Tail& tail = training.tail;
    const Labels& labels = training.labels;
    const Tensor& h = training.h;
    const TailLoss& how = training.how;
    TailLayers layers(tail, &training.gradient, scratch);
    const Runs runs{scratch.upload(Scratch::kRuns, labels.runs, labels.offsets[h.batch]),
                    scratch.upload(Scratch::kOffsets, labels.offsets, h.batch + 1)};
    const std::int64_t most_rows = layers.most_positions() * tail.markers();
    double* const total = scratch.get<double>(Scratch::kSums, 1 + most_rows);
    double* const losses = total + 1;
    scratch.stream().zero(total, sizeof *total);
    layers.for_each_piece(h.batch, 0, h.length, [&](const Piece& piece) {
        const Tensor logits = layers.forward(h, piece);
        const std::int64_t rows = logits.batch * logits.channels;
        sum_each(rows, logits.length,
                 RowLoss{logits, runs, how, piece.first_sample, piece.begin * tail.stride, losses});
        sum_each(1, rows, TotalLoss{losses, total});
        layers.backward(training.dh, piece, training.accumulate);
    });
    for_each(1, AddLoss{total, how.scale, training.loss});
}

}  // namespace regkit::cuda
