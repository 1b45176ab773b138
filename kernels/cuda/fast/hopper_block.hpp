// The block of kernels for compute capability 9.0: two warpgroups, the groups of readers, work on tiles that
// one thread of a third, the fillers, has copied (TMA) to a ring of places in shared memory, as far ahead as
// these are free. Each place has two barriers: `full` ends a phase with the bytes of a tile, `empty` with an
// arrival of each warp that has read it.
#pragma once

#include "kernels/cuda/fast/tail_tile.hpp"
#include "kernels/cuda/hopper.hpp"

namespace regkit::cuda {

inline constexpr int kPlaces = 4;
inline constexpr int kGroups = 2;
inline constexpr int kGroupWarps = kWarpgroup / kWarp;
inline constexpr int kReaders = kGroups * kWarpgroup;  // threads
inline constexpr int kReadersMeet = 1;                 // the number of their barrier
// A warp by itself would do as filler, but registers are shared out by groups of four warps: of the 168 that
// each of 384 threads begins with, a reader has too few, and a filler too many.
inline constexpr int kBlockThreads = kReaders + kWarpgroup;
inline constexpr int kFillerRegisters = 24, kReaderRegisters = 240;
static_assert(kWarpgroup * kFillerRegisters + kReaders * kReaderRegisters <= 168 * kBlockThreads);
inline constexpr std::size_t kMostHopperShared = 227 << 10;  // bytes of a block

// Goes round the places: of the phase in which the current one gets its next tile, or had its last.
struct PlaceCounter {
    int place = 0;
    unsigned parity = 0;

    __device__ void next() {
        if (++place < kPlaces) return;
        place = 0;
        parity ^= 1;
    }
    // Of the phase before, in which it was emptied; before the first that counts as over.
    __device__ unsigned before() const { return parity ^ 1; }
};

// The calling warp has read a place.
__device__ inline void release(PhaseBarrier& empty) {
    __syncwarp();
    if (lane_id() == 0) arrive(empty);
}

}  // namespace regkit::cuda
