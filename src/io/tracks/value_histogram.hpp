// Quantiles of the values of a track while they go by, for who draws it: a histogram of a few kilobytes.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace regkit {

// Bins are a sixteenth of a power of two, from 2^-20 to 2^20; what lies beyond is in the first or the last.
// Counts do not depend on the order of the values. Not negative, and no NaN.
class ValueHistogram {
  public:
    // Each value counts `weight` times.
    void add(std::span<const float> values, std::uint64_t weight);
    // The upper end of the bin that this quantile, 0 to 1, lies in: no less than the quantile, and at most a
    // sixteenth more. 0 where there are no values, or where it is below the first bin.
    double quantile(double q) const;

  private:
    static constexpr int kSmallest = -20, kLargest = 20;  // powers of two
    static constexpr int kParts = 16;
    std::array<std::uint64_t, (kLargest - kSmallest) * kParts + 1> counts_{};
};

}  // namespace regkit
