// Positions as bits: 32 that follow one another are a word, the first its lowest bit.
#pragma once

#include <cstdint>

#include "kernels/cuda/runtime.hpp"

namespace regkit::cuda {

// Bits of the first `count` of 32 positions.
__device__ inline std::uint32_t first_bits(std::int64_t count) {
    return count >= 32 ? 0xFFFFFFFFu : count > 0 ? (1u << count) - 1 : 0u;
}

// Of 32 positions, counted from the first, those from `begin` to below `end`.
__device__ inline std::uint32_t bits_between(std::int64_t begin, std::int64_t end) {
    return first_bits(end) & ~first_bits(begin);
}

}  // namespace regkit::cuda
