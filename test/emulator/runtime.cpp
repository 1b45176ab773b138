// The calls of CUDA's runtime but for streams, and the errors they can be told to give.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>

#include "test/emulator/streams.hpp"

namespace regkit::emulator {

namespace {

struct State {
    std::string call;  // that will fail
    int calls_left = 0;
    cudaError_t error = cudaSuccess;
    cudaError_t lost = cudaSuccess;  // why the device is of no use any more
    std::string left_out;
    Machine machine;
    std::map<void*, std::size_t> allocated;
    Memory memory;
    std::map<void*, std::size_t> given_back;  // while something was queued; it holds NaN

    // What a lost device's queue, which never ends, kept from being freed.
    ~State() {
        for (const auto& [place, bytes] : given_back) std::free(place);
    }
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

const Machine& machine() {
    return state().machine;
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

void lose_device(cudaError_t why) {
    state().lost = why;
}

void revive_device() {
    state().lost = cudaSuccess;
}

Memory memory() {
    return state().memory;
}

void forget_most_memory() {
    state().memory.most = state().memory.used;
}

void leave_out_calls(const std::string& call) {
    state().left_out = call;
}

bool is_left_out(const char* call) {
    return state().left_out == call;
}

}  // namespace regkit::emulator

namespace emulator = regkit::emulator;

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
    *memory = nullptr;
    const cudaError_t error = emulator::injected("cudaMalloc");
    if (error != cudaSuccess) return error;
    if (posix_memalign(memory, emulator::kMemoryAlignment, bytes) != 0) return cudaErrorMemoryAllocation;
    std::memset(*memory, emulator::kPoison, bytes);
    emulator::State& s = emulator::state();
    s.allocated[*memory] = bytes;
    s.memory.used += bytes;
    s.memory.most = std::max(s.memory.most, s.memory.used);
    ++s.memory.allocations;
    return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
    emulator::State& s = emulator::state();
    if (const auto found = s.allocated.find(memory); found != s.allocated.end()) {
        std::memset(memory, emulator::kPoison, found->second);
        s.given_back.insert(*found);
        s.memory.used -= found->second;
        s.allocated.erase(found);
    }
    // Of a lost device too: the process ends with nothing leaked.
    if (emulator::is_all_idle()) {
        for (const auto& [place, bytes] : s.given_back) std::free(place);
        s.given_back.clear();
    }
    return emulator::injected("cudaFree");
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
    properties->uuid = {};
    std::memcpy(properties->uuid.bytes, &emulator::state().machine.gpu, sizeof(int));
    properties->major = emulator::state().machine.capability / 10;
    properties->minor = emulator::state().machine.capability % 10;
    return error;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
    const int capability = emulator::machine().capability;
    *value = attribute == cudaDevAttrComputeCapabilityMajor ? capability / 10 : capability % 10;
    return emulator::injected("cudaDeviceGetAttribute");
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
        {cudaErrorInvalidResourceHandle, "invalid resource handle"},
        {cudaErrorNotReady, "device not ready"},
        {cudaErrorLaunchFailure, "unspecified launch failure"}};
    const auto text = texts.find(error);
    return text == texts.end() ? "unrecognized error code" : text->second;
}
