// Regions are looked up among the contigs, cut at their ends, widened to whole cells, sorted into the order
// of the FASTA, and merged, so that no base is predicted twice and output comes sorted.
#include "app/model/regions.hpp"

#include <algorithm>
#include <tuple>

#include "base/text.hpp"
#include "io/tracks/intervals.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

std::vector<Region> read_bed_regions(const std::string& path, Log& log) {
    IntervalReader reader(path, IntervalFormat::bed, log, nullptr, Blocks::ignore, Quote::yes,
                          BedGraph::accept);
    std::vector<Region> regions;
    for (Interval interval; reader.next(interval);)
        regions.push_back({std::string(interval.contig), interval.begin, interval.end});
    if (regions.empty()) log.warn("empty-file", path + ": holds no interval");
    return regions;
}

RegionRules region_rules(const FastaFile& fasta, const std::string& called) {
    return {.has_contig = [&fasta](const std::string& name) { return fasta.find(name) >= 0; },
            .called = called};
}

std::vector<ContigRange> plan_regions(const std::vector<Region>& regions, bool all, const FastaFile& fasta,
                                      std::int64_t cell, Log& log) {
    const std::vector<Contig>& contigs = fasta.contigs();
    std::vector<ContigRange> ranges;
    if (all) {
        for (std::size_t i = 0; i < contigs.size(); ++i)
            if (contigs[i].length > 0) ranges.push_back({static_cast<int>(i), 0, contigs[i].length});
        return ranges;
    }
    for (const Region& region : regions) {
        const int contig = fasta.require_contig(region.contig);
        const std::int64_t length = nth(contigs, contig).length;
        require(region.begin < length, ErrorKind::input,
                "region " + to_string(region) + " begins behind the end of the contig, which has " +
                    counted(length, "base"));
        if (region.end > length && region.end != kContigEnd)
            log.warn("region-clipped", "region " + to_string(region) + " ends behind the contig's end at " +
                                           std::to_string(length) + "; clipped");
        const std::int64_t end = std::min(region.end, length);
        ranges.push_back(
            {contig, region.begin / cell * cell, std::min((end + cell - 1) / cell * cell, length)});
    }
    std::sort(ranges.begin(), ranges.end(), [](const ContigRange& a, const ContigRange& b) {
        return std::tie(a.contig, a.begin, a.end) < std::tie(b.contig, b.begin, b.end);
    });
    std::vector<ContigRange> merged;
    for (const ContigRange& range : ranges) {
        if (!merged.empty() && merged.back().contig == range.contig && range.begin <= merged.back().end)
            merged.back().end = std::max(merged.back().end, range.end);
        else
            merged.push_back(range);
    }
    return merged;
}

}  // namespace regkit
