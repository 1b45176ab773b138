// A file is read once; its intervals are put where their contig and their name say, and merged at the end.
#include "app/evaluate/region_sets.hpp"

#include <algorithm>
#include <map>

#include "base/printable.hpp"
#include "base/text.hpp"
#include "io/tracks/intervals.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

void merge(ContigIntervals& regions) {
    for (auto& ranges : regions) {
        std::sort(ranges.begin(), ranges.end(),
                  [](const BaseRange& a, const BaseRange& b) { return a.begin < b.begin; });
        std::vector<BaseRange> merged;
        for (const BaseRange& range : ranges) {
            if (!merged.empty() && range.begin <= merged.back().end)
                merged.back().end = std::max(merged.back().end, range.end);
            else
                merged.push_back(range);
        }
        ranges = std::move(merged);
    }
}

// Takes an interval: the number of its contig, itself, and what it consists of.
using TakeInterval =
    std::function<void(std::size_t contig, const Interval&, const std::vector<IntervalReader::Block>&)>;

// `of_none`: what an empty file means.
void read_intervals(const std::string& path, const Dataset& dataset, const char* of_none, Log& log,
                    const TakeInterval& take) {
    std::map<std::string, std::size_t, std::less<>> place;
    for (std::size_t i = 0; i < dataset.reference().size(); ++i) place[dataset.reference()[i].name] = i;
    IntervalReader reader(path, interval_format(path), log, nullptr, Blocks::use, Quote::yes,
                          BedGraph::refuse_named);
    Interval interval;
    std::int64_t known = 0, elsewhere = 0;
    while (reader.next(interval)) {
        const auto found = place.find(interval.contig);
        ++(found == place.end() ? elsewhere : known);
        if (found != place.end()) take(found->second, interval, reader.blocks());
    }
    if (known + elsewhere == 0) log.warn("empty-file", path + ": holds no interval and " + of_none);
    require(
        known > 0 || elsewhere == 0, ErrorKind::mismatch,
        path + ": none of its contigs is in the data set's reference; are they named chr1 there and 1 here?");
    if (elsewhere > 0)
        log.info(path + ": " + counted(elsewhere, "interval") + (elsewhere == 1 ? " lies" : " lie") +
                 " on contigs that the data set does not have");
}

}  // namespace

ContigIntervals read_regions(const std::vector<std::string>& paths, const Dataset& dataset, Log& log) {
    ContigIntervals regions(dataset.reference().size());
    for (const std::string& path : paths)
        read_intervals(path, dataset, "excludes nothing", log,
                       [&](std::size_t contig, const Interval&, const auto& blocks) {
                           for (const IntervalReader::Block& block : blocks)
                               regions[contig].push_back({block.begin, block.end});
                       });
    merge(regions);
    return regions;
}

std::vector<Annotation> read_annotations(const std::string& path, const Dataset& dataset, Log& log) {
    std::vector<Annotation> annotations;
    std::map<std::string, std::size_t, std::less<>> place;
    read_intervals(
        path, dataset, "annotates nothing", log,
        [&](std::size_t contig, const Interval& interval, const auto& blocks) {
            const std::string_view text = interval.name.empty() ? "." : interval.name;
            auto found = place.find(text);
            if (found == place.end()) {
                require(annotations.size() < kMostAnnotations, ErrorKind::input,
                        path + ": column 4 has more than " + std::to_string(kMostAnnotations) +
                            " names, and each would be an annotation; give it names of kinds, "
                            "or none: cut -f1-3");
                require(text != kEverything, ErrorKind::input,
                        path + ": an annotation is named '" + kEverything +
                            "', as the rows of everything are; give it another name");
                found = place.emplace(text, annotations.size()).first;
                annotations.push_back({printable(text), ContigIntervals(dataset.reference().size())});
            }
            for (const IntervalReader::Block& block : blocks)
                annotations[found->second].regions[contig].push_back({block.begin, block.end});
        });
    for (Annotation& annotation : annotations) merge(annotation.regions);
    return annotations;
}

void positions_inside(std::span<const KeptRun> kept, std::span<const RowPlace> places, std::int64_t bin,
                      const ContigIntervals& regions, std::vector<KeptRun>& inside) {
    inside.clear();
    each_placed_run(kept, places, bin, [&](const KeptRun& run, std::int32_t contig, std::int64_t base) {
        const std::vector<BaseRange>& ranges = nth(regions, contig);
        const std::int64_t middle = base + bin / 2;  // of the run's first position
        auto range =
            std::upper_bound(ranges.begin(), ranges.end(), middle,
                             [](std::int64_t position, const BaseRange& r) { return position < r.end; });
        // The first position of the run whose middle is at or behind `base`.
        const auto first_from = [&](std::int64_t position) {
            const std::int64_t ahead = std::max<std::int64_t>(position - middle, 0);
            return static_cast<std::int32_t>(
                std::min<std::int64_t>(run.begin + (ahead + bin - 1) / bin, run.end));
        };
        for (; range != ranges.end() && first_from(range->begin) < run.end; ++range) {
            const KeptRun part{first_from(range->begin), first_from(range->end)};
            if (part.begin < part.end) inside.push_back(part);
        }
    });
}

}  // namespace regkit
