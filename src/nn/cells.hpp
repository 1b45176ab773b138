// Which positions of each layer a change of bases can reach: what has to be computed again for a variant.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/spec.hpp"

namespace regkit {

// For each layer, in the spec's order, the positions of its row, ascending, whose values can differ between
// two windows of `length` bases that differ at `bases` alone (positions in the window, ascending); of a layer
// behind a dense layer with `flatten`, 0: its only one. `length` is a multiple of the stride, or the fixed
// window. Error(input) where the spec does not fit, Error(usage) where a base lies outside.
std::vector<std::vector<std::int64_t>> cells_reached(const Spec& spec, int markers,
                                                     const std::vector<std::int64_t>& bases,
                                                     std::int64_t length);

}  // namespace regkit
