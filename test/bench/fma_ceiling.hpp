// The ceiling that the kernels' rates are held against: chains of multiply-adds that wait for nothing else.
#pragma once

#include <cstdint>

namespace regkit {

inline constexpr int kCeilingChains = 12;  // at a time: they hide each other's latency

// Runs `rounds` of chain[i] = chain[i] * factors[0] + factors[1] in every lane of the best instruction set
// here, and returns how many scalar multiply-adds they were. Each chain starts from a value that is known at
// run time alone, and its end is returned in its place: so no compiler can make one chain of two, which would
// double the rate.
double multiply_adds(std::int64_t rounds, const float factors[2], float chain[kCeilingChains]);

// Whether the processor multiplies pairs in bf16 (AVX512_BF16): two multiply-adds lie in a lane.
bool has_bf16_pairs();

// The same with these: chain[i] += 2 * factors[0] * factors[1], factors rounded to bf16. Only where
// has_bf16_pairs().
double bf16_multiply_adds(std::int64_t rounds, const float factors[2], float chain[kCeilingChains]);

}  // namespace regkit
