// The fused tail at inference: what of kernels writes the pieces that output.hpp hands out. Logits of tensor
// cores exist in registers alone; what leaves a block is values, codes, or bits and the values called. A
// runner refers to tail and range, and to memory of `scratch` that holds until its slots are used again. All
// throw Failure.
#pragma once

#include "kernels/cuda/tail/output.hpp"

namespace regkit::cuda {

// In f32, by the plain kernels of its layers.
PieceRunner plain_runner(const Tail& tail, const TailRange& range, Scratch& scratch);
// For what fits_tensor_core_tail takes (packed.hpp). Pieces take at most `most_bytes` of device memory.
PieceRunner sm80_runner(const Tail& tail, const TailRange& range, Scratch& scratch,
                        std::int64_t most_bytes = kPieceBytes);
PieceRunner sm90_runner(const Tail& tail, const TailRange& range, Scratch& scratch,
                        std::int64_t most_bytes = kPieceBytes);

}  // namespace regkit::cuda
