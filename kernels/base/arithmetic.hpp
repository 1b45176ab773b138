// Whole numbers of bases in units: positions may lie before a contig's first base, lengths are never
// negative.
#pragma once

#include <cstdint>

namespace regkit {

// The largest whole number that is at most a / b, also where a is negative; b > 0.
constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

// The least multiple of `unit` (> 0) that is at least `value` (>= 0).
constexpr std::int64_t round_up(std::int64_t value, std::int64_t unit) {
    return (value + unit - 1) / unit * unit;
}

}  // namespace regkit
