// Convolutions of stride 1 on tensor cores: the same results as plain.hpp, of operands rounded to
// bf16 with sums in fp32. All throw Failure.
#pragma once

#include "kernels/cuda/conv/plain.hpp"
#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

// Whether the kernels below take it: stride 1, and a width whose positions fit into shared memory.
bool fits_fast_conv(const ConvProblem& problem);

void fast_conv_forward(const ConvProblem& problem, const float* x, const float* weight, const float* bias,
                       bool relu, float* y, Scratch& scratch);
void fast_conv_grad_input(const ConvProblem& problem, const float* dy, const float* weight, bool accumulate,
                          float* dx, Scratch& scratch);
void fast_conv_grad_weight(const ConvProblem& problem, const float* x, const float* dy, float* d_weight,
                           float* d_bias, Scratch& scratch);

}  // namespace regkit::cuda
