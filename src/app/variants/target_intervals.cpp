#include "app/variants/target_intervals.hpp"

#include <algorithm>
#include <utility>

#include "base/region.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

TargetIntervals::TargetIntervals(const std::string& path, const FastaFile& fasta, Log& log)
    : contigs_(fasta.contigs().size()) {
    std::vector<std::string> unknown;
    bool any = false;
    for (auto& [name, intervals] : read_named_regions(path, log)) {
        const int contig = fasta.find(name);
        if (contig < 0) {
            unknown.push_back(name);
            continue;
        }
        any = true;
        OfContig& here = nth(contigs_, contig);
        for (NamedRegion& interval : intervals) {
            here.longest = std::max(here.longest, interval.end - interval.begin);
            if (interval.name == ".") interval.name = to_string(Region{name, interval.begin, interval.end});
        }
        here.intervals = std::move(intervals);
    }
    if (unknown.empty()) return;
    const std::string what = path + ": the reference has no contig " + unknown.front();
    require(any, ErrorKind::mismatch, what + "; there are no intervals on one that it has");
    log.warn("target-contig",
             what + (unknown.size() > 1 ? " and others" : "") + "; their intervals are left out");
}

std::vector<const NamedRegion*> TargetIntervals::within(int contig, std::int64_t begin,
                                                        std::int64_t end) const {
    std::vector<const NamedRegion*> found;
    if (contigs_.empty()) return found;
    const OfContig& here = nth(contigs_, contig);
    auto at = std::ranges::lower_bound(here.intervals, begin - here.longest, {}, &NamedRegion::begin);
    for (; at != here.intervals.end() && at->begin < end; ++at)
        if (at->end > begin) found.push_back(&*at);
    return found;
}

}  // namespace regkit
