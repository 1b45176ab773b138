// Convolutions of stride 1 on tensor cores: the same results as plain.hpp, of operands rounded to bf16 with
// sums in fp32. All throw Failure.
#pragma once

#include "kernels/cuda/conv/row_shift.hpp"
#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

// Whether the kernels below take it: stride 1, and a width whose positions fit into shared memory.
bool fits_sm80_conv(const ConvProblem& problem);

// y = the row-shifted product of x with the weights; `bias` may be null.
void sm80_row_shift(const RowShift& shift, const Tensor& x, const ShiftWeights& weights, const float* bias,
                    float* y, Scratch& scratch);
// Adds to d_weight.
void sm80_weight_gradient(const ConvProblem& problem, const Tensor& x, const Tensor& dy, float* d_weight,
                          Scratch& scratch);

}  // namespace regkit::cuda
