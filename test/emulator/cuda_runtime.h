// An emulator of CUDA, for tests: the kernels' own source, compiled as C++, runs on the CPU. This header
// stands in for CUDA's of the same name; kernels/cuda is compiled against one or the other by the include
// path.
//
// Each CUDA thread is a fiber (a stack of its own on one operating-system thread). Blocks run one after the
// other; __syncthreads yields until every live thread of the block waits at the same barrier; the collectives
// of a warp meet in slots. What makes faults show:
//  - shared memory and fresh device memory hold NaN,
//  - threads run in forward, reverse or shuffled order: code that lacks a barrier gives another result in one
//  of them,
//  - threads that wait at different barriers, or for a thread that never comes, are an error,
//  - an asynchronous copy or product is done as late as its wait, or at once, or either by chance: code that
//  lacks a wait reads what was there before, code that copies over what others still read spoils it,
//  - what threads store in shared memory without a fence is NaN to the products that read it there
//    themselves,
//  - copies and products that nobody waits for, matrices and copies at odd addresses, and lanes of a warp
//    that
//  meet in different collectives are errors,
//  - what is queued on a stream (launches, copies, fills) runs in its order as late as a wait for it, or at
//    once, or
//  by chance in between, as asynchronous copies: a read before the wait finds NaN, memory that is changed
//  before the copy from it has run spoils the copy; device memory that is given back too early becomes NaN,
//  - there are no calls that block by themselves, and none for the default stream, which would run beside the
//  others; copies from or to host memory that is not page-locked are errors,
//  - a chosen barrier or wait can be left out on purpose, to see that the tests notice,
//  - a chosen call of the runtime, or a kernel that runs, can fail, as on a device that is full or lost,
//  - device memory is ordinary memory, so AddressSanitizer sees every access outside it.
// Not emulated: timing, float rounding of the device's own functions.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

// ---- the language
// -----------------------------------------------------------------------------------------------
#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define __grid_constant__
// In a section of its own, so that the emulator finds and poisons it. (Not in templates: their statics may
// not share it.)
#define __shared__ static __attribute__((section("emulated_shared")))

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

// Of the thread that runs now.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

void __syncthreads(int line = __builtin_LINE());  // the caller's line (clang 14 has no std::source_location)
void __syncwarp(unsigned mask = 0xFFFFFFFFu);

// ---- the runtime
// ------------------------------------------------------------------------------------------------
enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInsufficientDriver = 35,
    cudaErrorDevicesUnavailable = 46,
    cudaErrorNoDevice = 100,
    cudaErrorECCUncorrectable = 214,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorNotReady = 600,
    cudaErrorLaunchFailure = 719
};
#define CUDART_VERSION 13000
struct cudaUUID_t {
    char bytes[16];
};
struct cudaDeviceProp {
    char name[256];
    cudaUUID_t uuid;
    int major, minor;
};
enum cudaDeviceAttr { cudaDevAttrComputeCapabilityMajor = 75, cudaDevAttrComputeCapabilityMinor = 76 };
enum cudaDriverEntryPointQueryResult {
    cudaDriverEntryPointSuccess = 0,
    cudaDriverEntryPointSymbolNotFound = 1
};
inline constexpr unsigned long long cudaEnableDefault = 0;
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
// Virtual, so that a library with work of its own needs no symbol of the emulator's to queue it.
struct CUstream_st {
    // cudaErrorNotReady: it cannot go on yet and is to be asked again (it waits for another process).
    using Work = std::function<cudaError_t()>;
    virtual cudaError_t queue(Work work) = 0;

  protected:
    ~CUstream_st() = default;
};
using cudaStream_t = CUstream_st*;
struct CUevent_st;
using cudaEvent_t = CUevent_st*;
inline constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2;

cudaError_t cudaMalloc(void** memory, std::size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMallocHost(void** memory, std::size_t bytes);
cudaError_t cudaFreeHost(void* memory);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned version,
                                             unsigned long long flags,
                                             cudaDriverEntryPointQueryResult* result);
const char* cudaGetErrorString(cudaError_t error);

namespace regkit::emulator {

inline constexpr int kPoison = 0xFF;                  // of every byte: as float or double NaN
inline constexpr std::size_t kMemoryAlignment = 256;  // of what cudaMalloc gives

enum class Order { forward, reverse, shuffled };
enum class CopyTime { at_wait, at_once, by_chance };

// In which order the threads of a block are resumed, from now on.
void set_order(Order order);
// Leaves out the n-th barrier (from 0), of the block or of some of its threads, that each thread of each
// block meets, from now on; -1 = none.
void leave_out_barrier(int n);
// When an asynchronous copy is done, and what is queued on streams, from now on.
void set_copy_time(CopyTime time);
CopyTime copy_time();
// Leaves out the n-th wait for copies or products (from 0) of each thread of each block, from now on; -1 =
// none.
void leave_out_wait(int n);
// Leaves out all calls of this function of the runtime, which then give cudaSuccess, from now on; "" = none.
void leave_out_calls(const std::string& call);
// The n-th call (from 1) of this function of the runtime gives `error`, from now on; of "kernel": the n-th
// that runs. Want of memory passes; after any other error, and after a kernel that did wrong, the device is
// lost, and every call gives it.
void inject(const std::string& call, int nth, cudaError_t error);
// What the call that is made now has to give.
cudaError_t injected(const char* call);
void lose_device(cudaError_t why);
void revive_device();
// How often the host has waited for what had not run yet.
struct Waits {
    int stream = 0, event = 0;
};
Waits waits();
// Device memory: bytes in use now and at most, and how often some was asked for.
struct Memory {
    std::size_t used = 0, most = 0;
    int allocations = 0;
};
Memory memory();
void forget_most_memory();  // from now on
// What a device of compute capability 9.0 does otherwise than kernels/cuda/hopper.hpp has it.
enum class HopperFlaw {
    none,
    maps,  // are refused
    tiles,
    rows_above,
    bytes,
    column_products,
    register_products,
    later_rows,
    register_row_products,
    row_products,
    fence
};
// What the device is and its driver serves; with a driver older than CUDART_VERSION there are no devices.
struct Machine {
    int driver = CUDART_VERSION;
    int capability = 90;
    int gpu = 0;  // what tells it from other processes' GPUs
    HopperFlaw flaw = HopperFlaw::none;
};
void set_machine(const Machine& machine);
const Machine& machine();
// What the last launch that failed did wrong, for the tests' messages.
const char* last_failure();

// Queues a run of `thread`, once for every thread of every block, which has `shared` bytes of dynamic shared
// memory. The settings above are as they stand now.
cudaError_t queue_grid(cudaStream_t stream, dim3 grid, dim3 block, std::size_t shared,
                       std::function<void()> thread);
// How much dynamic shared memory `kernel` may have, which without asking is 48 KiB.
cudaError_t allow_shared(const void* kernel, int bytes);
bool is_shared_allowed(const void* kernel, std::size_t bytes);

// Deposits `bytes` of every live lane of the calling thread's warp, waits for them all, and returns what lane
// `from` left; the own value where that lane does not exist or has ended.
void exchange(const void* own, void* result, std::size_t bytes, unsigned from);
unsigned lane();

inline constexpr unsigned kWarpSize = 32;
struct WarpSlots {
    static constexpr std::size_t kBytes = 64;
    alignas(16) unsigned char lane[kWarpSize][kBytes];
};
// All 32 lanes of the calling thread's warp leave `bytes` in their slots; the last to come works on them by
// `combine`; then each takes `result_bytes` from its slot.
void meet(const void* own, std::size_t bytes, void (*combine)(WarpSlots& slots), void* result,
          std::size_t result_bytes);
// The launch ends as an error that says `what`; the calling thread does not go on.
[[noreturn]] void fail(const char* what);

}  // namespace regkit::emulator

template <typename... Params>
cudaError_t cudaLaunchKernel(void (*kernel)(Params...), dim3 grid, dim3 block, void** arguments,
                             std::size_t shared, cudaStream_t stream) {
    const cudaError_t error = regkit::emulator::injected("cudaLaunchKernel");
    if (error != cudaSuccess) return error;
    if (!regkit::emulator::is_shared_allowed(reinterpret_cast<const void*>(kernel), shared))
        return cudaErrorInvalidValue;
    // Copied, as the device does: the caller's are gone when the kernel runs.
    const auto copies = [&]<std::size_t... I>(std::index_sequence<I...>) {
        return std::tuple<Params...>(*static_cast<Params*>(arguments[I])...);
    }
    (std::index_sequence_for<Params...>());
    return regkit::emulator::queue_grid(stream, grid, block, shared, [=] { std::apply(kernel, copies); });
}

template <typename... Params>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Params...), cudaFuncAttribute, int value) {
    return regkit::emulator::allow_shared(reinterpret_cast<const void*>(kernel), value);
}

template <typename T>
T __shfl_down_sync(unsigned, T value, unsigned distance) {
    T result;
    regkit::emulator::exchange(&value, &result, sizeof value, regkit::emulator::lane() + distance);
    return result;
}

template <typename T>
T __shfl_sync(unsigned, T value, int from) {
    T result;
    regkit::emulator::exchange(&value, &result, sizeof value, static_cast<unsigned>(from));
    return result;
}

template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask) {
    T result;
    regkit::emulator::exchange(&value, &result, sizeof value,
                               regkit::emulator::lane() ^ static_cast<unsigned>(mask));
    return result;
}

unsigned __ballot_sync(unsigned mask, int predicate);

template <typename T>
T __shfl_up_sync(unsigned, T value, unsigned distance) {
    T result;  // below lane 0 lies none: the own value
    regkit::emulator::exchange(&value, &result, sizeof value, regkit::emulator::lane() - distance);
    return result;
}

template <typename T>
T __ldg(const T* place) {
    return *place;
}
inline int __popc(unsigned bits) {
    return std::popcount(bits);
}

// The number of the lowest bit, from 1.
inline int __ffs(int bits) {
    return bits == 0 ? 0 : std::countr_zero(static_cast<unsigned>(bits)) + 1;
}
