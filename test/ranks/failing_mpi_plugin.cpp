// An MPI that starts, and fails at its end.
#include "ranks/mpi_plugin.hpp"

namespace {

const char* start(int* rank, int* size) noexcept {
    *rank = 2;
    *size = 3;
    return nullptr;
}
const char* gather(const void*, void*, int) noexcept {
    return "not made for this";
}
const char* broadcast(void*, int) noexcept {
    return "not made for this";
}
const char* test(bool*) noexcept {
    return "not made for this";
}
const char* finish() noexcept {
    return "the wire was cut";
}
void abort_all(int) noexcept {}

constexpr regkit::MpiFunctions kFunctions = {start, gather, gather, broadcast, test, finish, abort_all};

}  // namespace

extern "C" const char* regkit_mpi_build() {
    return regkit::mpi_build();
}

extern "C" const regkit::MpiFunctions* regkit_open_mpi() {
    return &kFunctions;
}
