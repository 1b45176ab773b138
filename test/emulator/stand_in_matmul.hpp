// Stands in for cuBLASLt under the emulator: products on the CPU, of bf16 operands as their pitches and
// transpositions say, with sums in double, rounded once. Its epilogues are cuBLASLt's as its header describes
// them.
#pragma once

#include <functional>
#include <vector>

#include "kernels/cuda/cublaslt/engine.hpp"

namespace regkit::emulator {

struct StandInMatmul {
    bool installed = true;
    bool fails = false;  // when it runs
    std::function<bool(const cuda::cublaslt::Product&)> refuses;
    std::int64_t workspace = 1000;              // bytes, all of which it writes
    int plans = 0;                              // that were asked for so far
    std::vector<cuda::cublaslt::Product> runs;  // so far, each with its own number of positions
};
// Of all back ends that are made from now on.
StandInMatmul& stand_in_matmul();

}  // namespace regkit::emulator
