// The fused tail at inference on tensor cores, for what fits_fast_tail takes. From coarse positions [begin,
// end) of every sample of h to host memory, as TailInfer, TailCodes and TailRuns say.
// Logits exist in registers alone; what leaves a block is values, codes, or bits and the values called, in
// pieces of at most `most_bytes` of device memory. All throw Failure.
#pragma once

#include "kernels/cuda/tail/output.hpp"

namespace regkit::cuda {

void fast_tail_values(const Tail& tail, const TailRange& range, TailOutput kind, float* out, Scratch& scratch,
                      std::int64_t most_bytes = kPieceBytes);
void fast_tail_codes(const Tail& tail, const TailRange& range, std::uint8_t* out, Scratch& scratch,
                     std::int64_t most_bytes = kPieceBytes);
void fast_tail_runs(const Tail& tail, const TailRange& range, TailOutput kind, float cutoff, CalledRuns& out,
                    Scratch& scratch, std::int64_t most_bytes = kPieceBytes);

}  // namespace regkit::cuda
