// The sizes of a convolution, for code that is compiled without CUDA too.
#pragma once

#include <cstdint>

namespace regkit::cuda {

// Plain data, passed to kernels by value.
struct ConvProblem {
    std::int64_t batch, in, out;
    std::int64_t in_length, out_length;
    std::int64_t width, stride, dilation, pad_left;
};

}  // namespace regkit::cuda
