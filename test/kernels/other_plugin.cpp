// A CUDA plug-in of another build, whose entry must not be called. Compiled with OLD: one from before
// plug-ins told their build.
#include <cstdlib>

#ifndef OLD
extern "C" const char* regkit_cuda_build() {
    return "0123";
}
#endif

extern "C" void* regkit_open_cuda_backend() {
    std::abort();
}
