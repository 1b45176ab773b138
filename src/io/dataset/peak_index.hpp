// Intervals of one contig, found by overlap.
#pragma once

#include <cstdint>
#include <vector>

#include "io/dataset/dataset.hpp"

namespace regkit {

// A LabelRun as it is kept in memory: a genome holds tens of millions, and only coverage has values.
struct Peak {
    std::int32_t begin = 0;
    std::int32_t end = 0;
    std::int32_t marker = 0;
};

// Runs sorted by begin. For every stretch of kStretch bases it is known which run that reaches into it comes
// first (as tabix's linear index does), and for every kBlock runs how far they reach, so that one long run
// does not make the search walk over all the short ones that follow it.
class PeakIndex {
  public:
    // Takes peaks sorted by begin, on a contig of `length` bases; all lie inside it. `values` are theirs, or
    // none: all 1.
    PeakIndex(std::vector<Peak> peaks, std::vector<float> values, std::int64_t length);

    // Appends the runs that overlap [begin, end), clipped and relative to `begin`, sorted by (marker, begin).
    void overlapping(std::int64_t begin, std::int64_t end, std::vector<LabelRun>& out) const;

  private:
    static constexpr std::int64_t kStretch = 16384;
    static constexpr std::size_t kBlock = 64;
    std::vector<Peak> peaks_;
    std::vector<float> values_;
    std::vector<std::uint32_t> first_;  // per stretch
    std::vector<std::int32_t> reach_;   // per block: largest end
};

}  // namespace regkit
