// What cuDNN gives the first time, beside what the plain kernels give.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/cuda/stream.hpp"
#include "kernels/cuda/sums.hpp"

namespace regkit::cuda::cudnn {

// Of a result whose operands were rounded, against the plain kernel's in fp32, relative to the largest: what
// the tests allow bf16.
inline constexpr float kTolerance = 2e-2f;

// Device memory for the while of a trial.
class Floats {
  public:
    Floats(Stream& stream, std::int64_t count)
        : stream_(stream), data_(stream.allocate(static_cast<std::size_t>(count) * sizeof(float))) {}
    Floats(const Floats&) = delete;
    Floats& operator=(const Floats&) = delete;
    ~Floats() { stream_.free(data_); }

    float* data() const { return static_cast<float*>(data_); }

  private:
    Stream& stream_;
    void* data_;
};

struct At {
    const float* values;
    __device__ float operator()(std::int64_t index) const { return values[index]; }
};

struct Zero {
    __device__ float operator()(std::int64_t) const { return 0.0f; }
};

// What is no number differs from everything, without end.
template <typename A, typename B>
__global__ void difference_kernel(std::int64_t count, A a, B b, float* of_block) {
    float largest = 0;
    const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
    for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step) {
        const float difference = fabsf(a(i) - b(i));
        largest = fmaxf(largest, difference == difference ? difference : INFINITY);
    }
    const double of_all = block_reduce(largest, Largest{});
    if (threadIdx.x == 0) of_block[blockIdx.x] = static_cast<float>(of_all);
}

// The largest difference of values a(i) and b(i) in device memory, i in [0, count).
template <typename A, typename B>
float largest_difference(Stream& stream, std::int64_t count, const A& a, const B& b) {
    constexpr std::int64_t kBlocks = 1024;
    const Floats of_block(stream, kBlocks);
    launch(difference_kernel<A, B>, dim3(kBlocks), dim3(kThreads), count, a, b, of_block.data());
    float values[kBlocks];
    stream.download(values, of_block.data(), sizeof values);
    float largest = 0;
    for (const float value : values) largest = std::fmax(largest, value);
    return largest;
}

// Whether a result with this largest value can tell a right plan from a wrong one: not where all of it is
// zero, or some of it no number.
inline bool is_telling(float largest) {
    return largest > 0 && largest <= std::numeric_limits<float>::max();
}

}  // namespace regkit::cuda::cudnn
