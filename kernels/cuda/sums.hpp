// Sums by whole blocks. In double: one fp32 chain over a window's positions would lose too many digits.
#pragma once

#include "kernels/cuda/elements.hpp"

namespace regkit::cuda {

inline constexpr std::int64_t kMostSumBlocks = 2048;  // what the largest GPUs run at once

namespace {

// In thread 0 the sum of the block's values, in the order of its threads; all threads must come. (Of internal
// linkage, as the emulator wants of functions with shared memory.)
__device__ double block_sum(double value) {
    __shared__ double staged[kThreads];
    staged[threadIdx.x] = value;
    __syncthreads();
    double total = 0;
    for (int i = 0; threadIdx.x == 0 && i < kThreads; ++i) total += staged[i];
    __syncthreads();  // nobody stages the next sum while this one is read
    return total;
}

}  // namespace

template <typename Body>
__global__ void sum_kernel(std::int64_t outputs, std::int64_t terms, Body body) {
    for (std::int64_t o = blockIdx.x; o < outputs; o += gridDim.x) {
        double part = 0;
        for (std::int64_t i = threadIdx.x; i < terms; i += kThreads) part += body.term(o, i);
        const double total = block_sum(part);
        if (threadIdx.x == 0) body.store(o, total);
    }
}

// body.store(o, sum of body.term(o, i) over i in [0, terms)) for every o in [0, outputs), a block each.
template <typename Body>
void sum_each(std::int64_t outputs, std::int64_t terms, const Body& body) {
    if (outputs == 0) return;
    const std::int64_t blocks = outputs < kMostSumBlocks ? outputs : kMostSumBlocks;
    launch(sum_kernel<Body>, grid_for(blocks), dim3(kThreads), outputs, terms, body);
}

}  // namespace regkit::cuda
