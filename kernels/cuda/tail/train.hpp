// The fused tail at training: TailTrain.
#pragma once

#include "kernels/backend.hpp"
#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

inline constexpr std::int64_t kTrainBytes = std::int64_t{1} << 28;

struct TailTraining {
    const Tail& tail;
    Tensor h;
    const Labels& labels;  // in host memory
    TailLoss how;
    float* loss;
    const TailGradient& gradient;
    bool accumulate;
    Tensor dh;
};

// In f32, by the plain kernels of its layers. Throws Failure, as do the others.
void plain_tail_train(const TailTraining& training, Scratch& scratch);
// For what fits_tensor_core_tail takes (packed.hpp). They take the batch in pieces of at most `most_bytes` of
// device memory. Sums over positions are in an order that the shapes and the pieces fix.
void sm80_tail_train(const TailTraining& training, Scratch& scratch, std::int64_t most_bytes = kTrainBytes);
void sm90_tail_train(const TailTraining& training, Scratch& scratch, std::int64_t most_bytes = kTrainBytes);

}  // namespace regkit::cuda
