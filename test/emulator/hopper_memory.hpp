// What the emulator's parts for compute capability 9.0, hopper.cpp and hopper_products.cpp, share.
#pragma once

#include <vector>

#include "kernels/cuda/hopper.hpp"
#include "test/emulator/block.hpp"

namespace regkit::emulator {

// Addresses in shared memory begin here: at no multiple of what swizzled tiles begin at.
inline constexpr std::size_t kSharedBegin = 128;
inline constexpr std::size_t kRowBytes = std::size_t{cuda::kTileColumns} * sizeof(cuda::Bf16);  // of a tile

inline std::size_t swizzled_address(std::size_t address) {
    return address ^ (address >> 7 & 7) << 4;
}

inline bool has(HopperFlaw flaw) {
    return machine().flaw == flaw;
}

// Of a place, in shared memory.
std::size_t offset_of(const void* place);
// Shared memory as products see it.
std::vector<unsigned char>& seen_by_products();
// A block begins that has no products yet.
void forget_products();

}  // namespace regkit::emulator
