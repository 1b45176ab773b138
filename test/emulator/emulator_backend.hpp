// The CUDA back end over the emulator: a Backend like any other, for tests only.
#pragma once

#include <memory>

#include "kernels/backend.hpp"
#include "kernels/cuda/choice.hpp"
#include "test/emulator/cuda_runtime.h"

namespace regkit {

namespace emulator {

// Threads in this order from now on; asynchronous copies at their wait, at once or by chance, one for each
// order.
void use_order(Order order);

}  // namespace emulator

// `order` as by use_order.
std::unique_ptr<Backend> make_emulator_backend(emulator::Order order,
                                               const KernelChoice& kernels = kPlainKernels);

}  // namespace regkit
