// The LSTM's recurrence and its gradient on the device, fp32, as LstmRecurrence and its gradient say. Both
// throw Failure.
#pragma once

#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

struct Lstm {
    Tensor gates, cell, y;
    const float* weight_hh;  // [directions][4 * hidden][hidden]
    std::int64_t hidden, directions;
};

void lstm_forward(const Lstm& lstm);
void lstm_gradient(const Lstm& lstm, const Tensor& dy, float* d_weight_hh, Scratch& scratch);

}  // namespace regkit::cuda
