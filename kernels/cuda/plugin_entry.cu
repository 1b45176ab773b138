// What the plug-in exports.
#include <cuda_runtime.h>

#include <cstdio>
#include <exception>

#include "kernels/cuda/cuda_backend.hpp"
#include "kernels/cuda/plugin.hpp"

namespace {

constexpr int kOldestMajor = 8;  // compute capability 8.0, the oldest that the plug-in is compiled for

// Why the devices cannot be counted.
void explain(cudaError_t error, char* why, std::size_t size) {
    int driver = 0;
    cudaDriverGetVersion(&driver);
    if (error == cudaErrorNoDevice)
        std::snprintf(why, size, "no GPU is visible to this process");
    else if (driver == 0)
        std::snprintf(why, size, "no NVIDIA driver is installed");
    else if (error == cudaErrorInsufficientDriver)
        std::snprintf(why, size, "the NVIDIA driver is too old: it serves CUDA %d.%d, this build needs %d.%d",
                      driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
    else
        std::snprintf(why, size, "%s", cudaGetErrorString(error));
}

regkit::Backend* open(int device, const regkit::KernelChoice& choice, char* why, std::size_t size) {
    int count = 0;
    cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess || count == 0) {
        explain(count == 0 && error == cudaSuccess ? cudaErrorNoDevice : error, why, size);
        return nullptr;
    }
    if (device >= count) {
        std::snprintf(why, size, "there is no device %d: this machine has %d", device, count);
        return nullptr;
    }
    cudaDeviceProp properties;
    error = cudaGetDeviceProperties(&properties, device);
    if (error == cudaSuccess) error = cudaSetDevice(device);
    if (error == cudaSuccess) error = cudaFree(nullptr);  // makes the context: a broken device shows here
    if (error != cudaSuccess) {
        explain(error, why, size);
        return nullptr;
    }
    if (properties.major < kOldestMajor) {
        std::snprintf(why, size, "device %d (%s) has compute capability %d.%d, this build needs %d.0", device,
                      properties.name, properties.major, properties.minor, kOldestMajor);
        return nullptr;
    }
    char description[320];
    std::snprintf(description, sizeof description, "cuda %s sm_%d%d", properties.name, properties.major,
                  properties.minor);
    return regkit::make_cuda_backend("cuda", description, device, choice).release();
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const char* regkit_cuda_build() {
    return regkit::build_hash();
}

extern "C" __attribute__((visibility("default"))) regkit::Backend* regkit_open_cuda_backend(
    int device, const regkit::KernelChoice& choice, char* why, std::size_t size) {
    try {
        return open(device, choice, why, size);
    } catch (const std::exception& error) {
        std::snprintf(why, size, "%s", error.what());
        return nullptr;
    }
}
