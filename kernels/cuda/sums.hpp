// Sums by whole blocks. In double: one fp32 chain over a window's positions would lose too many digits.
// Largest values likewise.
#pragma once

#include "kernels/cuda/elements.hpp"

namespace regkit::cuda {

inline constexpr std::int64_t kMostSumBlocks = 2048;  // what the largest GPUs run at once

namespace {

// The values of the block's threads, where thread 0 may read them. (No template, and of internal linkage, as
// the emulator wants of functions with shared memory.)
__device__ const double* block_values(double value) {
    __shared__ double staged[kThreads];
    staged[threadIdx.x] = value;
    __syncthreads();
    return staged;
}

}  // namespace

struct Sum {
    __device__ double operator()(double a, double b) const { return a + b; }
};

struct Largest {  // of values from 0 on
    __device__ double operator()(double a, double b) const { return a > b ? a : b; }
};

// In thread 0 the block's values combined with 0 one after the other, in the order of its threads; all
// threads must come.
template <typename Combine>
__device__ double block_reduce(double value, const Combine& combine) {
    const double* const values = block_values(value);
    double result = 0;
    for (int i = 0; threadIdx.x == 0 && i < kThreads; ++i) result = combine(result, values[i]);
    __syncthreads();  // nobody leaves the next value while this one is read
    return result;
}

template <typename Body>
__global__ void sum_kernel(std::int64_t outputs, std::int64_t terms, Body body) {
    for (std::int64_t o = blockIdx.x; o < outputs; o += gridDim.x) {
        double part = 0;
        for (std::int64_t i = threadIdx.x; i < terms; i += kThreads) part += body.term(o, i);
        const double total = block_reduce(part, Sum{});
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
