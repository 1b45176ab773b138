// Up-convolutions and their gradients on the device, fp32, for the operations and for the tail's layers; as
// conv/plain.hpp. All throw Failure.
#pragma once

#include "kernels/cuda/elements.hpp"

namespace regkit::cuda {

// As UpConv and its gradients say: weight [in][out][stride].
void up_conv_forward(const Tensor& x, const float* weight, const float* bias, int stride, bool relu,
                     const Tensor& y);
void up_conv_grad_input(const Tensor& dy, const float* weight, int stride, bool accumulate, const Tensor& dx);
void up_conv_grad_weight(const Tensor& x, const Tensor& dy, int stride, float* d_weight, float* d_bias);

}  // namespace regkit::cuda
