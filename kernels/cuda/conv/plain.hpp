// Convolutions and their gradients on the device, fp32, for the operations and for the tail's layers. Tensors
// are [batch][channels][length], without a halo: the kernels test every position. Every sum is in an order
// that the layer alone fixes; no atomics. All throw Failure.
#pragma once

#include "kernels/backend.hpp"
#include "kernels/cuda/conv/problem.hpp"
#include "kernels/cuda/elements.hpp"

namespace regkit::cuda {

inline ConvProblem problem_of(const Tensor& x, const Tensor& y, const ConvGeometry& geometry) {
    return {x.batch,        x.channels,      y.channels,        x.length,         y.length,
            geometry.width, geometry.stride, geometry.dilation, geometry.pad_left};
}

// All pointers are device memory; `bias` and `d_bias` may be null.
void conv_forward(const ConvProblem& problem, const float* x, const float* weight, const float* bias,
                  bool relu, float* y);
void conv_grad_input(const ConvProblem& problem, const float* dy, const float* weight, bool accumulate,
                     float* dx);
void conv_grad_weight(const ConvProblem& problem, const float* x, const float* dy, float* d_weight,
                      float* d_bias);
// d_bias[o] += sum of channel o; nothing where d_bias is null.
void channel_sums(const Tensor& dy, float* d_bias);

}  // namespace regkit::cuda
