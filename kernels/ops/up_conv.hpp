// Up-convolution, width = stride: y[o][p*stride + j] = b[o] + sum_i w[i][o][j] * x[i][p].
#pragma once

#include "kernels/tensor.hpp"

namespace regkit {

struct UpConv {
    static constexpr const char* kName = "up_conv";
    View x;
    Slice weight;     // [in][out][stride]
    Slice bias = {};  // [out]; may be none
    int stride;
    bool relu = false;
    View y;

    void check() const;
};

struct UpConvGradInput {
    static constexpr const char* kName = "up_conv_grad_input";
    View dy;
    Slice weight;
    int stride;
    bool accumulate = false;
    View dx;

    void check() const;
};

struct UpConvGradWeight {
    static constexpr const char* kName = "up_conv_grad_weight";
    View x;
    View dy;
    int stride;
    Slice d_weight;
    Slice d_bias = {};

    void check() const;
};

}  // namespace regkit
