#include "app/interval_set.hpp"

#include <algorithm>

#include "app/contig_finder.hpp"
#include "base/text.hpp"
#include "io/intervals.hpp"
#include "io/sha256.hpp"

namespace regkit {
namespace {

struct Placed {
    std::int32_t contig, begin, end;
    bool operator<(const Placed& other) const {
        return contig != other.contig ? contig < other.contig : begin < other.begin;
    }
};

// Sorts and merges; intervals that touch become one.
void merge_into(std::vector<Placed>& placed, IntervalSet& set) {
    if (!std::is_sorted(placed.begin(), placed.end())) std::sort(placed.begin(), placed.end());
    std::size_t kept = 0;
    for (const Placed& next : placed) {
        if (kept > 0 && placed[kept - 1].contig == next.contig && next.begin <= placed[kept - 1].end)
            placed[kept - 1].end = std::max(placed[kept - 1].end, next.end);
        else
            placed[kept++] = next;
    }
    set.runs.reserve(kept);
    for (std::size_t i = 0; i < kept; ++i) {
        if (i == 0 || placed[i].contig != placed[i - 1].contig)
            set.contigs.push_back({placed[i].contig, static_cast<std::uint32_t>(i)});
        set.runs.push_back({placed[i].begin, placed[i].end});
        set.covered += placed[i].end - placed[i].begin;
    }
}

}  // namespace

std::pair<const Run*, const Run*> IntervalSet::on(std::int32_t contig) const {
    const auto found = std::lower_bound(contigs.begin(), contigs.end(), contig,
                                        [](const Stretch& s, std::int32_t number) { return s.contig < number; });
    if (found == contigs.end() || found->contig != contig) return {nullptr, nullptr};
    const std::size_t last = found + 1 == contigs.end() ? runs.size() : (found + 1)->first;
    return {runs.data() + found->first, runs.data() + last};
}

IntervalSet read_interval_set(const std::string& path, const FastaFile& fasta, const ContigAlias& alias,
                              Elsewhere elsewhere, Log& log) {
    Sha256 hash;
    IntervalReader reader(path, interval_format(path), log,
                          [&hash](std::string_view bytes) { hash.add(bytes.data(), bytes.size()); });
    ContigFinder finder(fasta, alias);
    IntervalSet set;
    std::vector<Placed> placed;
    for (Interval interval; reader.next(interval); ++set.intervals) {
        const std::int32_t contig = finder.find(interval.contig);
        if (contig < 0) {
            if (elsewhere == Elsewhere::refuse || finder.differs_by_convention()) finder.fail(reader.lines().where());
            ++set.elsewhere;
            continue;
        }
        const Contig& place = fasta.contigs()[static_cast<std::size_t>(contig)];
        if (interval.end > place.length)
            reader.lines().fail("ends at " + std::to_string(interval.end) + ", but " + place.name + " has " +
                                counted(place.length, "base") + "; is it of another assembly?");
        placed.push_back({contig, static_cast<std::int32_t>(interval.begin), static_cast<std::int32_t>(interval.end)});
    }
    require(set.intervals > 0, ErrorKind::input, path + ": holds no interval");
    require(!placed.empty(), ErrorKind::mismatch, path + ": none of its intervals lies on a contig of " + fasta.path());
    set.summits_outside = reader.summits_outside();
    set.sha256 = hash.hex();
    merge_into(placed, set);
    return set;
}

IntervalSet merge_interval_sets(const std::vector<IntervalSet>& sets) {
    IntervalSet all;
    std::vector<Placed> placed;
    for (const IntervalSet& set : sets) {
        all.intervals += set.intervals;
        all.elsewhere += set.elsewhere;
        for (std::size_t i = 0; i < set.contigs.size(); ++i) {
            const auto [first, last] = set.on(set.contigs[i].contig);
            for (const Run* run = first; run != last; ++run) placed.push_back({set.contigs[i].contig, run->begin, run->end});
        }
    }
    merge_into(placed, all);
    return all;
}

}  // namespace regkit
