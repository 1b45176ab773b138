// A thin layer over dlopen and dlsym. The system's own search comes first, then CUDA's folders; of several
// failures the first is the one that is told, as the other places are guesses.
#include "kernels/cuda/shared_library.hpp"

#include <dlfcn.h>

#include <cstdlib>

namespace regkit::cuda {

SharedLibrary SharedLibrary::at(const std::string& name) {
    SharedLibrary library(name);
    library.open(name);
    return library;
}

SharedLibrary SharedLibrary::beside_cuda(const std::string& name) {
    SharedLibrary library = at(name);
    const std::string why = library.why_;  // of the name itself: the other places are guesses
    for (const char* const variable : {"CUDA_HOME", "CUDA_PATH"})
        if (const char* const folder = std::getenv(variable)) library.open(folder + ("/lib64/" + name));
    library.open("/usr/local/cuda/lib64/" + name);
    if (!library.handle_) library.why_ = why;
    return library;
}

void SharedLibrary::open(const std::string& path) {
    if (handle_) return;
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    why_ = handle_ ? "" : dlerror();
}

void* SharedLibrary::address(const char* name) {
    void* const found = handle_ ? dlsym(handle_, name) : nullptr;
    if (!found && why_.empty()) why_ = name_ + " has no " + name;
    return found;
}

std::string version_text(std::size_t major, std::size_t minor, std::size_t patch) {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace regkit::cuda
