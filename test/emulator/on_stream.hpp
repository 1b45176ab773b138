// Launches outside of a back end, for tests of kernels alone.
#pragma once

#include "kernels/cuda/stream.hpp"

namespace regkit::test {

// Calls body(), whose launches have run when this returns; throws cuda::Failure with what any of them did wrong, and leaves
// the emulated device usable.
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

}  // namespace regkit::test
