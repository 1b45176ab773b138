// Convolution; a dense layer over channels is width 1.
//   y[o][p] = b[o] + sum_i sum_t w[o][i][t] * x[i][p*stride + t*dilation - pad_left]
// with x read as 0 outside its row, whose halo must cover the padding.
#pragma once

#include <cstdint>

#include "kernels/tensor.hpp"

namespace regkit {

struct ConvGeometry {
    int width = 1;
    int stride = 1;
    int dilation = 1;
    int pad_left = 0;
    int pad_right = 0;

    std::int64_t output_length(std::int64_t length) const {
        const std::int64_t covered = std::int64_t{width - 1} * dilation + 1;
        const std::int64_t padded = length + pad_left + pad_right;
        return padded < covered ? 0 : (padded - covered) / stride + 1;
    }
    // What ConvGradInput reads beyond the row of dy when the stride is 1: the padding, mirrored. (With
    // other strides it reads inside the row only.)
    Halo gradient_halo() const {
        const std::int64_t reach = std::int64_t{width - 1} * dilation;
        return {reach > pad_left ? reach - pad_left : 0, reach > pad_right ? reach - pad_right : 0};
    }
};

struct Conv {
    static constexpr const char* kName = "conv";
    View x;
    Slice weight;     // [out][in][width]
    Slice bias = {};  // [out]; may be none
    ConvGeometry geometry = {};
    bool relu = false;
    View y;

    void check() const;
};

// With stride 1, dy's halo must cover geometry.gradient_halo().
struct ConvGradInput {
    static constexpr const char* kName = "conv_grad_input";
    View dy;
    Slice weight;
    ConvGeometry geometry = {};
    bool accumulate = false;
    View dx;

    void check() const;
};

struct ConvGradWeight {
    static constexpr const char* kName = "conv_grad_weight";
    View x;
    View dy;
    ConvGeometry geometry = {};
    Slice d_weight;
    Slice d_bias = {};

    void check() const;
};

}  // namespace regkit
