// Sequences that have the pairs of bases of another in another order, by which what comes of composition is
// told from what comes of order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace regkit {

// Each way to order a run of known bases so that every pair of neighbours is there as often as before is as
// likely as any other (Altschul and Erickson 1985; Wilson 1996 for the trees). First and last base of a run
// stay, and N stays where it is. The same seed gives the same order.
std::vector<std::uint8_t> shuffle_pairs(std::span<const std::uint8_t> codes, std::uint64_t seed);

}  // namespace regkit
