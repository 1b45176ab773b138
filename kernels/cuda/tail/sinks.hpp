// What leaves a block of the fused tail at inference: of logits in a warp's registers, 16 markers at 32
// positions at a time, their values, codes or bits. For every kernel that makes them.
#pragma once

#include "kernels/cuda/tail/output.hpp"
#include "kernels/cuda/tail/tile.hpp"

namespace regkit::cuda {

inline constexpr unsigned kAllLanes = 0xFFFFFFFFu;

// logit[n][2 * half + e] of a lane is marker 8 * half + lane / 4, position 8 * n + 2 * (lane % 4) + e.
using UnitLogits = const float (*)[4];
inline constexpr int kUnitMarkers = 16;

// Where a unit's logits go: `row` is that of its first marker of a sample, `position` its first in the
// piece's row.
struct Target {
    std::int64_t row, position, row_length;
    int marker;           // the unit's first
    int markers;          // from there to the last of all
    std::uint32_t valid;  // of the unit's positions, those inside the row

    // Of the unit that begins so many markers later.
    __device__ Target behind(int skipped) const {
        return {row + skipped, position, row_length, marker + skipped, markers - skipped, valid};
    }
    __device__ std::int64_t at(int marker) const { return (row + marker) * row_length + position; }
};

// A warp's 16 markers of 32 positions, so that a lane can take a position of each.
inline constexpr int kStagedPitch = kWarpPositions + 8;  // keeps the writes of a half warp in different banks
inline constexpr int kStagedValues = kUnitMarkers * kStagedPitch;  // of a warp

__device__ inline void stage(UnitLogits logit, float* staged) {
    const int lane = lane_id();
    __syncwarp();  // all have read what it held
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int n = 0; n < kWarpPositions / 8; ++n) {
            float* const to = staged + (half * 8 + lane / 4) * kStagedPitch + n * 8 + lane % 4 * 2;
            to[0] = logit[n][2 * half];
            to[1] = logit[n][2 * half + 1];
        }
    __syncwarp();
}

__device__ inline void store_each(UnitLogits logits, const Sinks& to, const Target& target, float* staged) {
    stage(logits, staged);
    const int rows = target.markers < kUnitMarkers ? target.markers : kUnitMarkers;
#pragma unroll 1
    for (int r = 0; r < rows; ++r) {
        const std::int64_t place = target.at(r) + lane_id();
        const float logit = staged[r * kStagedPitch + lane_id()];
        if (to.codes)
            to.codes[place] = code_of(logit);
        else
            to.values[place] = value_of(to.kind, logit);
    }
}

// The bits of a row of markers at a lane's eight positions whose logits are not below the least, in their
// places of the word of 32.
__device__ inline std::uint32_t lane_candidates(UnitLogits logit, int half, float least) {
    std::uint32_t bits = 0;
#pragma unroll
    for (int n = 0; n < kWarpPositions / 8; ++n)
#pragma unroll
        for (int e = 0; e < 2; ++e)
            if (!(logit[n][2 * half + e] < least)) bits |= 1u << (n * 8 + e);
    return bits << lane_id() % 4 * 2;
}

// Of 16 markers of which at least one may be called: their values decide.
__device__ inline void store_called(UnitLogits logits, const std::uint32_t (&candidates)[2], const Sinks& to,
                                    const Target& target, float* staged) {
    stage(logits, staged);
    const int lane = lane_id();
#pragma unroll 1
    for (int r = 0; r < kUnitMarkers; ++r) {
        const std::uint32_t word = __shfl_sync(kAllLanes, r < 8 ? candidates[0] : candidates[1], r % 8 * 4);
        bool called = false;
        float value = 0;
        if (word >> lane & 1u) {
            value = value_of(to.kind, staged[r * kStagedPitch + lane]);
            called = !(value < to.cutoff[target.marker + r]);
        }
        const std::uint32_t bits = __ballot_sync(kAllLanes, called);
        if (r >= target.markers) continue;
        if (lane == 0) to.bits[target.at(r) / 32] = bits;
        if (called) to.values[target.at(r) + lane] = value;
    }
}

// Most rows of most markers are below it as a whole, and nothing but a comparison is done for them.
__device__ inline void store_bits(UnitLogits logits, const Sinks& to, const Target& target, float* staged) {
    const int lane = lane_id();
    std::uint32_t word[2];  // of rows lane / 4 and lane / 4 + 8
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const float least = __ldg(to.least + target.marker + half * 8 + lane / 4);
        word[half] = lane_candidates(logits, half, least) & target.valid;
        word[half] |= __shfl_xor_sync(kAllLanes, word[half], 1);
        word[half] |= __shfl_xor_sync(kAllLanes, word[half], 2);
    }
    if (__ballot_sync(kAllLanes, (word[0] | word[1]) != 0) != 0)
        store_called(logits, word, to, target, staged);
    else if (lane < kUnitMarkers && lane < target.markers)
        to.bits[target.at(lane) / 32] = 0;
}

// All lanes of a warp come together; `staged` is the warp's own.
__device__ inline void store_unit(UnitLogits logits, const Sinks& to, const Target& target, float* staged) {
    if (to.bits)
        store_bits(logits, to, target, staged);
    else
        store_each(logits, to, target, staged);
}

}  // namespace regkit::cuda
