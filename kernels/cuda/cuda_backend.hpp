// The CUDA back end: every operation by plain kernels in fp32. Lives in the plug-in, and under the emulator
// in the tests.
#pragma once

#include <memory>
#include <string>

#include "kernels/backend.hpp"

namespace regkit {

// What `name` and `description` will say; `device` is CUDA's number of it.
std::unique_ptr<Backend> make_cuda_backend(const char* name, const std::string& description, int device);

}  // namespace regkit
