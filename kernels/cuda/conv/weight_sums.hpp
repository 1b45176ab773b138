// What the kernels of the weights' gradient have in common: blocks leave sums of their own in device memory,
// which are then added in the blocks' order. All throw Failure.
#pragma once

#include "kernels/cuda/conv/problem.hpp"
#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/rows.hpp"

namespace regkit::cuda {

// A block's sums: [tap][in][out], channels rounded up to kRowTile. Plain data, passed to kernels by value.
struct WeightSums {
    int taps;
    int in_tiles, out_tiles;  // of kRowTile channels

    __host__ __device__ std::int64_t count() const {
        return std::int64_t{taps} * in_tiles * kRowTile * out_tiles * kRowTile;
    }
    __device__ std::int64_t place(std::int64_t tap, std::int64_t in, std::int64_t out) const {
        return ((tap * in_tiles * kRowTile + in) * out_tiles) * kRowTile + out;
    }
};

WeightSums weight_sums_of(const ConvProblem& problem);

// d_weight += the sums of so many blocks.
void add_weight_sums(const ConvProblem& problem, const WeightSums& sums, const float* partial,
                     std::int64_t blocks, float* d_weight);

}  // namespace regkit::cuda
