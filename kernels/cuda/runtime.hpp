// CUDA's errors as Status, and launching kernels. The runtime itself has two implementations, chosen by the
// include path: CUDA's own, and the emulator's (test/emulator/cuda_runtime.h), which runs the kernels' same
// source on the CPU and has the functions that the back end uses, no others.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/backend.hpp"

namespace regkit::cuda {

inline Status status_of(cudaError_t error) {
    if (error == cudaSuccess) return {};
    const bool memory = error == cudaErrorMemoryAllocation;
    return Status::error(memory ? Status::Code::out_of_memory : Status::Code::device_error,
                         cudaGetErrorString(error));
}

// Thrown by what follows and caught by the back end before it returns to its caller.
struct Failure {
    Status status;
};

inline void check(cudaError_t error) {
    if (error != cudaSuccess) throw Failure{status_of(error)};
}

// The stream of the operation that the calling thread is in (stream.hpp). Throws Failure outside of one.
cudaStream_t stream_of_operation();

// Queues kernel(params...) on the operation's stream. Arguments are converted to the kernel's own parameter
// types.
template <typename... Params>
void launch(void (*kernel)(Params...), dim3 grid, dim3 block, std::type_identity_t<Params>... params) {
    void* arguments[] = {&params...};
    check(cudaLaunchKernel(kernel, grid, block, arguments, 0, stream_of_operation()));
}

// The same with `bytes` of dynamic shared memory a block; also more than the 48 KiB that need no asking.
template <typename... Params>
void launch_with_shared(void (*kernel)(Params...), dim3 grid, dim3 block, std::size_t bytes,
                        std::type_identity_t<Params>... params) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)));
    void* arguments[] = {&params...};
    check(cudaLaunchKernel(kernel, grid, block, arguments, bytes, stream_of_operation()));
}

inline unsigned blocks_for(std::int64_t items, std::int64_t per_block) {
    return static_cast<unsigned>((items + per_block - 1) / per_block);
}

// The y and z dimensions of a grid end at 65,535: kernels take larger counts in several rounds.
inline unsigned at_most_rounds(std::int64_t count) {
    return static_cast<unsigned>(count < 65535 ? count : 65535);
}

}  // namespace regkit::cuda
