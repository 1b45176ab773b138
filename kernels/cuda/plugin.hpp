// The host's side of the CUDA plug-in libregkit_cuda.so: finding and loading it. No CUDA header here: a
// program that links this needs no CUDA library to start.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/cuda/choice.hpp"

namespace regkit {

// Identifies the sources and the compiler of the numeric core. Only objects of one build understand each
// other's Backend, so host and plug-in must agree.
const char* build_hash();

// What the plug-in exports. First its build_hash(): a function that stays as it is, so that the plug-in of
// another build is refused before any other function of it is called by a signature that it may not have.
using CudaPluginBuild = const char*();
inline constexpr const char* kCudaBuild = "regkit_cuda_build";
// Returns null and writes the cause to `why` (at most `size` bytes, terminated) when device number `device`
// cannot be used. The caller deletes the Backend.
using OpenCudaBackend = Backend*(int device, const KernelChoice& choice, char* why, std::size_t size);
inline constexpr const char* kCudaEntry = "regkit_open_cuda_backend";

// Whether the NVIDIA driver's library is installed: quick, loads nothing else.
bool has_cuda_driver();

// Where the plug-in is looked for: ../lib/regkit relative to the running program, as installed, then, as in
// the build tree, beside the program.
std::vector<std::string> cuda_plugin_paths();

// Loads the first plug-in found, never to be unloaded, and opens the device. Throws Error(resource) naming
// the cause: no plug-in, another build's plug-in, no driver, driver too old, no such device.
std::unique_ptr<Backend> load_cuda_backend(int device, const KernelChoice& choice,
                                           const std::vector<std::string>& paths);

}  // namespace regkit
