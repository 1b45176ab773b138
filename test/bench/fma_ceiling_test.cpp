// What the benchmarks call the ceiling is one: every chain is computed, and the ratio of bf16's to f32's is
// one that a processor can have.
#include "bench/fma_ceiling.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <functional>

using namespace regkit;

namespace {

using Chains = std::function<double(std::int64_t, const float*, float*)>;

// Ends of chains that start from values of their own, after three rounds of `step` each.
void check_ends(const Chains& run, const std::function<float(float, const float*)>& step) {
    const float factors[2] = {0.5f, 3};
    float chain[kCeilingChains], expected[kCeilingChains];
    for (int i = 0; i < kCeilingChains; ++i) {
        expected[i] = chain[i] = static_cast<float>(8 * i + 8);
        for (int r = 0; r < 3; ++r) expected[i] = step(expected[i], factors);
    }
    CHECK(run(3, factors, chain) > 0);
    for (int i = 0; i < kCeilingChains; ++i) CHECK(chain[i] == expected[i]);
    CHECK(expected[0] != expected[1]);
}

// Multiply-adds a second.
double rate(const Chains& run) {
    const float factors[2] = {0.5f, 1};
    float chain[kCeilingChains] = {};
    const auto begin = std::chrono::steady_clock::now();
    const double done = run(10000, factors, chain);
    return done / std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

TEST_CASE("every chain of the ceiling is computed") {
    check_ends(multiply_adds, [](float x, const float* f) { return x * f[0] + f[1]; });
    if (!has_bf16_pairs()) return;
    check_ends(bf16_multiply_adds, [](float x, const float* f) { return x + 2 * f[0] * f[1]; });
}

// vdpbf16ps does two multiply-adds a lane where an fma does one, and no processor's tables have it start more
// often than an fma: so the ratio is 2 at most. It is 2 on AMD's Zen 4, which starts as many of both, and a
// half on Intel's Golden Cove (Sapphire and Emerald Rapids), which starts one in two cycles where it starts
// four fmas: both are what instructions written out by hand have too. A third more and less is for a
// neighbour on the core; the best of many short turns, by turns, since others use the machine. Merged chains
// were a ratio of 4.
TEST_CASE("the ceiling in bf16 is between half of f32's and twice that") {
    if (!has_bf16_pairs()) return;
    double f32 = 0, bf16 = 0;
    for (int turn = 0; turn < 300; ++turn) {
        f32 = std::max(f32, rate(multiply_adds));
        bf16 = std::max(bf16, rate(bf16_multiply_adds));
    }
    MESSAGE("multiply-adds a second, in 10^9: ", f32 / 1e9, " in f32, ", bf16 / 1e9, " in bf16");
    CHECK(bf16 / f32 >= 0.33);
    CHECK(bf16 / f32 <= 2.67);
}
