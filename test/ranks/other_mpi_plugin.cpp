// An MPI plug-in of another build, whose entry must not be called. Compiled with OLD: one from before
// plug-ins told their build.
#include <cstdlib>

#ifndef OLD
extern "C" const char* regkit_mpi_build() {
    return "0123";
}
#endif

extern "C" void* regkit_open_mpi() {
    std::abort();
}
