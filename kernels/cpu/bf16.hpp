// One value in bf16: the sign, exponent and first 7 bits of the fraction of a float.
#pragma once

#include <bit>
#include <cstdint>

namespace regkit::cpu {

// The 16 bits of the bf16 nearest to x, ties to even; what exceeds the largest becomes infinite, NaN stays
// NaN.
inline std::uint32_t bf16_bits(float x) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (bits >> 16) | 0x40u;
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}

inline float bf16_rounded(float x) {
    return std::bit_cast<float>(bf16_bits(x) << 16);
}

// The word (low, high).
inline float bf16_word(float low, float high) {
    return std::bit_cast<float>(bf16_bits(low) | bf16_bits(high) << 16);
}

}  // namespace regkit::cpu
