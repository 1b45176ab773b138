// A file is read once, hashed as it is read, each interval held against the contig it lies on; then all are
// sorted and merged in place. What does not fit the reference is an error, unless the rules say to leave it
// out, and then it is counted and told. Several sets are merged in the same way.
#include "app/dataset/interval_set.hpp"

#include <algorithm>

#include "app/dataset/contig_finder.hpp"
#include "base/text.hpp"
#include "io/files/sha256.hpp"
#include "io/tracks/intervals.hpp"
#include "kernels/base/nth.hpp"

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

LeftOut& LeftOut::operator+=(const LeftOut& other) {
    empty += other.empty;
    elsewhere += other.elsewhere;
    behind += other.behind;
    clipped += other.clipped;
    no_data += other.no_data;
    return *this;
}

void tell_left_out(const std::string& path, std::int64_t intervals, const LeftOut& left_out, Log& log) {
    const std::string of =
        " of " + std::to_string(intervals) + (intervals == 1 ? " interval " : " intervals ");
    if (left_out.elsewhere > 0)
        log.warn("elsewhere", path + ": " + std::to_string(left_out.elsewhere) + of +
                                  "on contigs that the reference lacks left out");
    if (left_out.behind > 0)
        log.warn("behind-end", path + ": " + std::to_string(left_out.behind) + of +
                                   "behind the ends of their contigs left out");
    if (left_out.clipped > 0)
        log.warn("clipped", path + ": " + std::to_string(left_out.clipped) + of +
                                "cut off at the ends of their contigs");
}

std::pair<const BaseRun*, const BaseRun*> IntervalSet::on(std::int32_t contig) const {
    const auto found =
        std::lower_bound(contigs.begin(), contigs.end(), contig,
                         [](const Stretch& s, std::int32_t number) { return s.contig < number; });
    if (found == contigs.end() || found->contig != contig) return {nullptr, nullptr};
    const std::size_t last = found + 1 == contigs.end() ? runs.size() : (found + 1)->first;
    return {runs.data() + found->first, runs.data() + last};
}

IntervalSet read_interval_set(const std::string& path, const FastaFile& fasta, const ContigAlias& alias,
                              const IntervalRules& rules, Log& log) {
    Sha256 hash;
    IntervalReader reader(
        path, interval_format(path), log,
        [&hash](std::string_view bytes) { hash.add(bytes.data(), bytes.size()); }, rules.blocks, rules.quote,
        rules.bed_graph);
    ContigFinder finder(fasta, alias);
    IntervalSet set;
    std::vector<Placed> placed;
    for (Interval interval; reader.next(interval); ++set.intervals) {
        const std::int32_t contig = finder.find(interval.contig);
        if (contig < 0) {
            if (!rules.skip_missing || finder.differs_by_convention())
                finder.fail(reader.lines().where(), kSkipMissing);
            ++set.left_out.elsewhere;
            continue;
        }
        const Contig& place = nth(fasta.contigs(), contig);
        if (interval.end > place.length) {
            if (!rules.clip)
                reader.lines().fail(
                    "ends at " + std::to_string(interval.end) + ", but " + place.name + " has " +
                    std::to_string(place.length) +
                    " bases; is it of another assembly? If it is not, --clip cuts it off there");
            ++(interval.begin >= place.length ? set.left_out.behind : set.left_out.clipped);
        }
        for (const IntervalReader::Block& block : reader.blocks())
            if (block.begin < place.length)
                placed.push_back({contig, static_cast<std::int32_t>(block.begin),
                                  static_cast<std::int32_t>(std::min(block.end, place.length))});
    }
    set.left_out.empty = reader.empty();
    if (set.intervals == 0 && rules.may_be_empty)
        log.warn("empty-file",
                 path + ": holds no interval" + (set.left_out.empty > 0 ? " of a base or more" : ""));
    else
        require(set.intervals > 0, ErrorKind::input,
                path + ": holds no interval" + (set.left_out.empty > 0 ? " of a base or more" : ""));
    require(!placed.empty() || set.left_out.elsewhere < set.intervals || set.intervals == 0,
            ErrorKind::mismatch, path + ": none of its intervals lies on a contig of " + fasta.path());
    require(!placed.empty() || rules.may_be_empty, ErrorKind::input,
            path + ": none of its intervals lies inside a contig of " + fasta.path());
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
        all.left_out += set.left_out;
        for (std::size_t i = 0; i < set.contigs.size(); ++i) {
            const auto [first, last] = set.on(set.contigs[i].contig);
            for (const BaseRun* run = first; run != last; ++run)
                placed.push_back({set.contigs[i].contig, run->begin, run->end});
        }
    }
    merge_into(placed, all);
    return all;
}

}  // namespace regkit
