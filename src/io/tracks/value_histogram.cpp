// A float's exponent and the first four bits behind its point are the number of its bin.
#include "io/tracks/value_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr int kShift = 19, kBias = 127;  // of the mantissa's 23 bits 4 stay

}  // namespace

void ValueHistogram::add(std::span<const float> values, std::uint64_t weight) {
    constexpr int kFirst = (kBias + kSmallest) * kParts - 1;
    const int last = static_cast<int>(counts_.size()) - 1;
    for (const float value : values)
        nth(counts_, std::clamp(static_cast<int>(std::bit_cast<std::uint32_t>(value) >> kShift) - kFirst, 0,
                                last)) += weight;
}

double ValueHistogram::quantile(double q) const {
    const std::uint64_t all = std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
    const double wanted = q * static_cast<double>(all);
    std::uint64_t seen = 0;
    for (std::size_t bin = 0; bin < counts_.size() && all > 0; ++bin) {
        seen += counts_[bin];
        if (static_cast<double>(seen) < wanted) continue;
        const int part = static_cast<int>(bin);  // of the upper end
        return part == 0 ? 0 : std::ldexp(1.0 + part % kParts / double{kParts}, part / kParts + kSmallest);
    }
    return 0;
}

}  // namespace regkit
