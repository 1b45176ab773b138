// The ceiling that the kernels' rates are held against.
#pragma once

#include <cstdint>

namespace regkit {

// Runs `rounds` of independent vector multiply-adds on the best instruction set here and returns how many
// scalar ones they were. out: 16 floats, of which the first two are read (0.5 and 1 keep all finite).
double multiply_adds(std::int64_t rounds, float* out);

// The same of pairs in bf16 where the processor has AVX512_BF16, two of whose multiply-adds lie in a lane;
// elsewhere products in bf16 are those in f32, and this is multiply_adds.
double bf16_multiply_adds(std::int64_t rounds, float* out);

}  // namespace regkit
