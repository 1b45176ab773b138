// Device memory that operations use for themselves: one array a purpose, which only grows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/cuda/stream.hpp"

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
        kRankParts,
        kPieces,
        // Of convolutions on tensor cores.
        kConvInput,
        kConvGradient,
        kConvWeights,
        kConvPartials,
        kCudnnWorkspace,
        // Of LSTMs by cuDNN.
        kLstmSteps,
        kLstmWeights,
        // Of the tail on tensor cores.
        kPackedWeights,
        kPackedBias,
        kTailValues,
        kTailBits,
        kTailCutoffs,
        kRunCounts,
        kCalledRuns,
        kCalledValues,
        kTailInput,
        kTailRows,
        kTailLabels,
        kTailPartials,
        // Of the tail through cuBLASLt.
        kTailLogits,
        kTailInputGradient,
        kCublasLtWorkspace,
        kSlots
    };

    explicit Scratch(Stream& stream) : stream_(stream) {}
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        for (Array& array : arrays_) stream_.free(array.data);
    }

    // Where what uses this memory is queued.
    Stream& stream() const { return stream_; }
    // Room for `count` values, undefined; what the slot held before is gone.
    template <typename T>
    T* get(Slot slot, std::int64_t count) {
        Array& array = arrays_[slot];
        const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
        if (array.bytes < bytes) {
            stream_.free(array.data);
            array = {};
            array.data = stream_.allocate(bytes);
            array.bytes = bytes;
        }
        return static_cast<T*>(array.data);
    }
    // A copy of host memory, which may change once this returns; null when there is nothing to copy.
    template <typename T>
    const T* upload(Slot slot, const T* values, std::int64_t count) {
        if (count == 0) return nullptr;
        T* const to = get<T>(slot, count);
        stream_.upload(to, values, static_cast<std::size_t>(count) * sizeof(T));
        return to;
    }

    // What uses_hopper() has found (hopper_trial.hpp); none before it was asked.
    std::optional<bool> hopper;
    // For Device::take_notices.
    std::vector<std::string> notices;

  private:
    struct Array {
        void* data = nullptr;
        std::size_t bytes = 0;
    };
    Stream& stream_;
    Array arrays_[kSlots];
};

}  // namespace regkit::cuda
