// Building is one pass over the sorted peaks. A query starts at the first run that reaches into its stretch,
// skips blocks that end before it, and ends at the first run that begins behind it; what was found is sorted
// by marker.
#include "io/dataset/peak_index.hpp"

#include <algorithm>

namespace regkit {

PeakIndex::PeakIndex(std::vector<Peak> peaks, std::vector<float> values, std::int64_t length)
    : peaks_(std::move(peaks)), values_(std::move(values)) {
    const auto stretches = static_cast<std::size_t>(length / kStretch + 1);
    first_.assign(stretches, static_cast<std::uint32_t>(peaks_.size()));
    reach_.assign((peaks_.size() + kBlock - 1) / kBlock, 0);
    for (std::size_t i = 0; i < peaks_.size(); ++i) {
        const Peak& run = peaks_[i];
        reach_[i / kBlock] = std::max(reach_[i / kBlock], run.end);
        const auto last = static_cast<std::size_t>((run.end - 1) / kStretch);
        // Stretches that an earlier run reaches are set: from the end backward until one of them.
        for (std::size_t at = last + 1; at-- > static_cast<std::size_t>(run.begin / kStretch);) {
            if (first_[at] <= i) break;
            first_[at] = static_cast<std::uint32_t>(i);
        }
    }
    // A stretch that nothing reaches: the first run behind it.
    for (std::size_t at = stretches - 1; at-- > 0;) first_[at] = std::min(first_[at], first_[at + 1]);
}

void PeakIndex::overlapping(std::int64_t begin, std::int64_t end, std::vector<LabelRun>& out) const {
    const auto stretch = static_cast<std::size_t>(begin / kStretch);
    if (stretch >= first_.size() || end <= begin) return;
    const std::size_t before = out.size();
    for (std::size_t i = first_[stretch]; i < peaks_.size() && peaks_[i].begin < end;) {
        if (i % kBlock == 0 && reach_[i / kBlock] <= begin) {
            i += kBlock;
            continue;
        }
        const std::size_t number = i++;
        const Peak& run = peaks_[number];
        if (run.end <= begin) continue;
        out.push_back({run.marker,
                       static_cast<std::int32_t>(std::max<std::int64_t>(run.begin, begin) - begin),
                       static_cast<std::int32_t>(std::min<std::int64_t>(run.end, end) - begin),
                       values_.empty() ? 1.0f : values_[number]});
    }
    std::sort(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
              [](const LabelRun& a, const LabelRun& b) {
                  return a.marker != b.marker ? a.marker < b.marker : a.begin < b.begin;
              });
}

}  // namespace regkit
