// Device memory that operations use for themselves: one array a purpose, which only grows.
#pragma once

#include "kernels/cuda/runtime.hpp"

namespace regkit::cuda {

class Scratch {
  public:
    enum Slot {
        kCodes,
        kRuns,
        kOffsets,
        kSums,
        kState,
        kActivations,
        // Of the fast convolutions.
        kConvInput,
        kConvGradient,
        kConvWeights,
        kConvPartials,
        kSlots
    };

    Scratch() = default;
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        for (Array& array : arrays_) cudaFree(array.data);
    }

    // Room for `count` values, undefined; what the slot held before is gone.
    template <typename T>
    T* get(Slot slot, std::int64_t count) {
        Array& array = arrays_[slot];
        const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
        if (array.bytes < bytes) {
            cudaFree(array.data);
            array = {};
            check(cudaMalloc(&array.data, bytes));
            array.bytes = bytes;
        }
        return static_cast<T*>(array.data);
    }
    // A copy of host memory; null when there is nothing to copy.
    template <typename T>
    const T* upload(Slot slot, const T* values, std::int64_t count) {
        if (count == 0) return nullptr;
        T* const to = get<T>(slot, count);
        check(cudaMemcpy(to, values, static_cast<std::size_t>(count) * sizeof(T), cudaMemcpyHostToDevice));
        return to;
    }

  private:
    struct Array {
        void* data = nullptr;
        std::size_t bytes = 0;
    };
    Array arrays_[kSlots];
};

}  // namespace regkit::cuda
