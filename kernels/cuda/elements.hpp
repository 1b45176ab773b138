// How the plain kernels see their work: tensors by index, one thread an element, one block a sum. Every sum
// has an order that its length alone fixes, and no atomics, so results do not depend on how threads are
// scheduled.
#pragma once

#include "kernels/cuda/runtime.hpp"

namespace regkit::cuda {

struct Place {
    std::int64_t sample, channel, position;
};

// A tensor in device memory: [batch][channels][length], without a halo; kernels test positions instead.
struct Tensor {
    float* data;
    std::int64_t batch, channels, length;

    __host__ __device__ std::int64_t size() const { return batch * channels * length; }
    __device__ float& at(std::int64_t sample, std::int64_t channel, std::int64_t position) const {
        return data[(sample * channels + channel) * length + position];
    }
    __device__ bool holds(std::int64_t position) const { return position >= 0 && position < length; }
    __device__ Place place(std::int64_t i) const {
        const std::int64_t row = i / length;
        return {row / channels, row % channels, i % length};
    }
};

inline Tensor tensor_of(const View& view) {
    return {static_cast<float*>(view.data), view.shape.batch, view.shape.channels, view.shape.length};
}

// Null where there is none.
inline float* pointer_to(const Slice& slice) {
    return slice ? static_cast<float*>(slice.data) + slice.offset : nullptr;
}

__device__ inline float relu_of(float value) {
    return value <= 0 ? 0.0f : value;  // NaN stays NaN: training must see it
}

__device__ inline float sigmoid_of(float z) {
    const float e = expf(-fabsf(z));  // never overflows
    return (z > 0 ? 1.0f : e) / (1 + e);
}

__device__ inline float softplus_of(float z) {
    return fmaxf(z, 0.0f) + log1pf(expf(-fabsf(z)));
}

inline constexpr int kThreads = 128;
inline constexpr std::int64_t kMostBlocks = 1 << 16;  // more work than this takes rounds

inline dim3 grid_for(std::int64_t blocks) {
    return dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks));
}

template <typename Body>
__global__ void each_kernel(std::int64_t count, Body body) {
    const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
    for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step) body(i);
}

// body(i) for every i in [0, count), each in a thread of its own. `body` is plain data with a __device__
// call.
template <typename Body>
void for_each(std::int64_t count, const Body& body) {
    if (count == 0) return;
    launch(each_kernel<Body>, grid_for((count + kThreads - 1) / kThreads), dim3(kThreads), count, body);
}

}  // namespace regkit::cuda
