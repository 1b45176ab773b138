// The CUDA back end over the emulator: a Backend like any other, for tests only.
#pragma once

#include <memory>

#include "kernels/backend.hpp"
#include "kernels/cuda/choice.hpp"
#include "test/emulator/cuda_runtime.h"

namespace regkit {

// `order` holds until the next call.
std::unique_ptr<Backend> make_emulator_backend(emulator::Order order,
                                               KernelChoice kernels = KernelChoice::naive);

}  // namespace regkit
