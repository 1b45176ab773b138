// Launches outside of a back end, for tests of kernels alone.
#pragma once

#include <string>
#include <type_traits>

#include "kernels/cuda/stream.hpp"

namespace regkit::test {

// Calls body(), whose launches have run when this returns; throws cuda::Failure with what any of them did
// wrong, and leaves the emulated device usable.
template <typename Body>
void on_stream(const Body& body) {
    cuda::Stream stream(0);
    try {
        const cuda::Stream::Operation operation(stream);
        body();
        stream.wait();
    } catch (const cuda::Failure&) {
        emulator::revive_device();
        throw;
    }
}

// One block, with `shared` bytes of dynamic shared memory.
template <typename... Params>
void run_block(void (*kernel)(Params...), dim3 block, std::size_t shared,
               std::type_identity_t<Params>... params) {
    on_stream([&] { cuda::launch_with_shared(kernel, dim3(1), block, shared, params...); });
}

// Whether that ends as an error that speaks of `what`.
template <typename... Params>
bool block_fails(const char* what, void (*kernel)(Params...), dim3 block, std::size_t shared,
                 std::type_identity_t<Params>... params) {
    try {
        run_block(kernel, block, shared, params...);
        return false;
    } catch (const cuda::Failure& failure) {
        return std::string(failure.status.message).find(what) != std::string::npos;
    }
}

}  // namespace regkit::test
