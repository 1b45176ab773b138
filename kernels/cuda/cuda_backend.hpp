// The CUDA back end. Lives in the plug-in, and under the emulator in the tests.
#pragma once

#include <memory>
#include <string>

#include "kernels/backend.hpp"
#include "kernels/cuda/choice.hpp"

namespace regkit {

// What `name` will say, and `description` before it names the precision; `device` is CUDA's number of it.
// Throws Error(resource) where cuDNN is allowed and cannot be had.
std::unique_ptr<Backend> make_cuda_backend(const char* name, const std::string& hardware, int device,
                                           const KernelChoice& choice);

}  // namespace regkit
