// The fused tail's kernel of inference for compute capability 9.0.
#pragma once

#include "kernels/cuda/tail/sinks.hpp"
#include "kernels/cuda/tail/sm80_infer.hpp"

namespace regkit::cuda {

// Starts the kernel for a piece. Takes what fits_fast_tail takes. Throws Failure.
void infer_on_hopper(const PackedTail& tail, const TailRange& range, const OutputPiece& piece,
                     const Sinks& to);

}  // namespace regkit::cuda
