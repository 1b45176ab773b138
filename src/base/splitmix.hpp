// Random numbers that are a function of their place: SplitMix64 (Steele, Lea, Flood 2014).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace regkit {

inline constexpr std::uint64_t kSplitMixStep = 0x9e3779b97f4a7c15u;

// The output that follows on state `x`: every bit of the input moves every bit of the output. Output k (from
// 0) of a generator that was seeded with s is splitmix(s + k * kSplitMixStep).
constexpr std::uint64_t splitmix(std::uint64_t x) {
    x += kSplitMixStep;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

// Puts values into an order that follows from the seed alone (Fisher and Yates; Durstenfeld 1964).
template <typename T>
void shuffle(std::span<T> values, std::uint64_t seed) {
    for (std::size_t left = values.size(); left > 1; --left, seed += kSplitMixStep)
        std::swap(values[left - 1], values[static_cast<std::size_t>((splitmix(seed) >> 32) * left >> 32)]);
}

}  // namespace regkit
