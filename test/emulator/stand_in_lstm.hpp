// An LSTM layer as cuDNN documents its own, on the CPU with sums in double: equations, layouts of x and y,
// gradients of weights that are added, a reserve that the forward pass of training fills for one gradient.
// Where weights lie in their memory is its own affair: directions and gates backwards, with room between
// them.
#pragma once

#include <memory>

#include "kernels/cuda/cudnn/lstm_plan.hpp"

namespace regkit::emulator {

std::unique_ptr<cuda::cudnn::LstmPlan> make_stand_in_lstm(const cuda::cudnn::LstmProblem& problem);

}  // namespace regkit::emulator
