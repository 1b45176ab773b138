// Convolutions for compute capability 9.0. All throw Failure.
#pragma once

#include "kernels/cuda/conv/row_shift.hpp"
#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

// Whether row_shift_on_hopper() takes it, and with most of its tiles' rows in use.
bool fits_hopper_shift(const RowShift& shift);
// y = the row-shifted product of x with the weights, bit for bit as the other devices' kernel, as far as the
// units add up alike; `bias` may be null.
void row_shift_on_hopper(const RowShift& shift, const Tensor& x, const ShiftWeights& weights,
                         const float* bias, float* y, Scratch& scratch);

}  // namespace regkit::cuda
