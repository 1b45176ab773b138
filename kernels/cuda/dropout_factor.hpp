// Dropout of kernels/dropout.hpp by element, for kernels.
#pragma once

#include "kernels/cuda/elements.hpp"

namespace regkit::cuda {

// What a batch's element is multiplied by: 0 or the survivors' scale; 1 when dropout is off. Elements are
// counted from the batch's `first_sample` and the row's `first_position`, where a tensor is a piece of a
// larger one.
class DropoutFactor {
  public:
    explicit DropoutFactor(const Dropout& dropout, std::int64_t first_sample = 0,
                           std::int64_t first_position = 0)
        : key_(dropout_key(dropout)),
          sample_(dropout.sample + static_cast<std::uint32_t>(first_sample)),
          interleave_(dropout.interleave),
          first_position_(first_position + dropout.first),
          on_(dropout.rate > 0) {}

    __device__ float operator()(const Place& at) const {
        if (!on_) return 1.0f;
        const std::int64_t position = first_position_ + at.position;
        return dropout_factor(key_, sample_ + static_cast<std::uint32_t>(at.sample),
                              at.channel * interleave_ + position % interleave_, position / interleave_);
    }

  private:
    DropoutKey key_;
    std::uint32_t sample_;
    std::int64_t interleave_;
    std::int64_t first_position_;
    bool on_;
};

}  // namespace regkit::cuda
