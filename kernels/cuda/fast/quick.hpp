// The device's own exponential, logarithm and quotient: a few instructions each, where the accurate ones take
// dozens. In what is multiplied in bf16 afterwards their last digits are lost anyway. Under the emulator they
// are C++'s.
#pragma once

#include <cmath>

#include "kernels/cuda/runtime.hpp"

namespace regkit::cuda {

__device__ inline float quick_exp(float x) {
#ifdef __CUDA_ARCH__
    return __expf(x);
#else
    return std::exp(x);
#endif
}

__device__ inline float quick_log(float x) {
#ifdef __CUDA_ARCH__
    return __logf(x);
#else
    return std::log(x);
#endif
}

__device__ inline float quick_quotient(float a, float b) {
#ifdef __CUDA_ARCH__
    return __fdividef(a, b);
#else
    return a / b;
#endif
}

}  // namespace regkit::cuda
