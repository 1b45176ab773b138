// The block of kernels for compute capability 9.0: two warpgroups, the groups of readers, work on tiles that
// one thread of a third, the fillers, has copied (TMA) to a ring of places in shared memory (Turn), as far
// ahead as these are free.
#pragma once

#include "kernels/cuda/hopper.hpp"
#include "kernels/cuda/tail/tile.hpp"

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

}  // namespace regkit::cuda
