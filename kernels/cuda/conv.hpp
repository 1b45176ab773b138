// Dilated convolution and its gradients on the device, fp32. Tensors are [batch][channels][length], without a
// halo: the kernels test every position. Every sum is one chain in an order that the layer alone fixes; no
// atomics.
#pragma once

#include "kernels/backend.hpp"

namespace regkit::cuda {

// Plain data, passed to kernels by value.
struct ConvProblem {
    std::int64_t batch, in, out;
    std::int64_t in_length, out_length;
    std::int64_t width, stride, dilation, pad_left;
};

// All pointers are device memory; `bias` and `d_bias` may be null.
Status conv_forward(const ConvProblem& problem, const float* x, const float* weight, const float* bias,
                    bool relu, float* y);
Status conv_grad_input(const ConvProblem& problem, const float* dy, const float* weight, bool accumulate,
                       float* dx);
Status conv_grad_weight(const ConvProblem& problem, const float* x, const float* dy, float* d_weight,
                        float* d_bias);
Status fill(float* to, std::int64_t count, float value);

}  // namespace regkit::cuda
