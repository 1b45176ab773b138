// The device's own exponential, logarithm and quotient: a few instructions each, where the accurate ones take
// dozens. In what is multiplied in bf16 afterwards their last digits are lost anyway. Under the emulator they
// are C++'s.
#pragma once

#include <cmath>

#include "kernels/cuda/runtime.hpp"

namespace regkit::cuda {

#ifdef __CUDACC__

__device__ inline float quick_exp(float x) {
    return __expf(x);
}
__device__ inline float quick_log(float x) {
    return __logf(x);
}
__device__ inline float quick_quotient(float a, float b) {
    return __fdividef(a, b);
}

#else

inline float quick_exp(float x) {
    return std::exp(x);
}
inline float quick_log(float x) {
    return std::log(x);
}
inline float quick_quotient(float a, float b) {
    return a / b;
}

#endif

}  // namespace regkit::cuda
