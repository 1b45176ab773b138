// The calls of CUDA's runtime, and the errors they can be told to give.
#include <cstdlib>
#include <map>
#include <string>

#include "test/emulator/cuda_runtime.h"

namespace regkit::emulator {

namespace {

struct State {
    std::string call;  // that will fail
    int calls_left = 0;
    cudaError_t error = cudaSuccess;
    cudaError_t lost = cudaSuccess;  // why the device is of no use any more
    Machine machine;
};

// Ready whenever the first static object asks.
State& state() {
    static State only;
    return only;
}

}  // namespace

void set_machine(const Machine& machine) {
    state().machine = machine;
}

void inject(const std::string& call, int nth, cudaError_t error) {
    State& s = state();
    s.call = call;
    s.calls_left = nth;
    s.error = error;
    s.lost = cudaSuccess;
}

cudaError_t injected(const char* call) {
    State& s = state();
    if (s.lost != cudaSuccess) return s.lost;
    if (s.calls_left == 0 || s.call != call || --s.calls_left > 0) return cudaSuccess;
    if (s.error != cudaErrorMemoryAllocation) s.lost = s.error;
    return s.error;
}

}  // namespace regkit::emulator

namespace emulator = regkit::emulator;

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
    *memory = nullptr;
    const cudaError_t error = emulator::injected("cudaMalloc");
    if (error != cudaSuccess) return error;
    *memory = std::malloc(bytes);
    if (!*memory) return cudaErrorMemoryAllocation;
    std::memset(*memory, emulator::kPoison, bytes);
    return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
    std::free(memory);  // of a lost device too: the process ends with nothing leaked
    return emulator::injected("cudaFree");
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
    const cudaError_t error = emulator::injected("cudaMemcpy");
    if (error == cudaSuccess && bytes > 0) std::memcpy(to, from, bytes);
    return error;
}

cudaError_t cudaMemset(void* memory, int value, std::size_t bytes) {
    const cudaError_t error = emulator::injected("cudaMemset");
    if (error == cudaSuccess && bytes > 0) std::memset(memory, value, bytes);
    return error;
}

cudaError_t cudaSetDevice(int device) {
    const cudaError_t error = emulator::injected("cudaSetDevice");
    return error == cudaSuccess && device != 0 ? cudaErrorInvalidValue : error;
}

cudaError_t cudaDriverGetVersion(int* version) {
    *version = emulator::state().machine.driver;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
    *count = 0;
    if (emulator::state().machine.driver < CUDART_VERSION) return cudaErrorInsufficientDriver;
    const cudaError_t error = emulator::injected("cudaGetDeviceCount");
    if (error == cudaSuccess) *count = 1;
    return error;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    const cudaError_t error = emulator::injected("cudaGetDeviceProperties");
    std::strcpy(properties->name, "emulator");
    properties->major = emulator::state().machine.capability / 10;
    properties->minor = emulator::state().machine.capability % 10;
    return error;
}

const char* cudaGetErrorString(cudaError_t error) {
    if (error == cudaErrorLaunchFailure && *emulator::last_failure()) return emulator::last_failure();
    static const std::map<cudaError_t, const char*> texts = {
        {cudaSuccess, "no error"},
        {cudaErrorInvalidValue, "invalid argument"},
        {cudaErrorMemoryAllocation, "out of memory"},
        {cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version"},
        {cudaErrorDevicesUnavailable, "CUDA-capable device(s) is/are busy or unavailable"},
        {cudaErrorNoDevice, "no CUDA-capable device is detected"},
        {cudaErrorECCUncorrectable, "uncorrectable ECC error encountered"},
        {cudaErrorLaunchFailure, "unspecified launch failure"}};
    const auto text = texts.find(error);
    return text == texts.end() ? "unrecognized error code" : text->second;
}
