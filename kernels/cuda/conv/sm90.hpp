// Convolutions for compute capability 9.0. All throw Failure.
#pragma once

#include "kernels/cuda/conv/row_shift.hpp"
#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

// Whether sm90_row_shift() takes it, and with most of its tiles' rows in use.
bool fits_sm90_shift(const RowShift& shift);
// y = the row-shifted product of x with the weights, bit for bit as the other devices' kernel, as far as the
// units add up alike; `bias` may be null.
void sm90_row_shift(const RowShift& shift, const Tensor& x, const ShiftWeights& weights, const float* bias,
                    float* y, Scratch& scratch);

// As sm80_weight_gradient, of sums in another order, by at least `wanted_blocks` where there is as much to
// do. 132: the largest GPU's processors.
bool fits_sm90_weight(const ConvProblem& problem);
void sm90_weight_gradient(const ConvProblem& problem, const Tensor& x, const Tensor& dy, float* d_weight,
                          Scratch& scratch, std::int64_t wanted_blocks = 132);

}  // namespace regkit::cuda
