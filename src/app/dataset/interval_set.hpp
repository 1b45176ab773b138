// Intervals of a file in memory, merged.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "io/fasta/contig_alias.hpp"
#include "io/fasta/fasta.hpp"
#include "io/tracks/intervals.hpp"

namespace regkit {

struct BaseRun {
    std::int32_t begin = 0;
    std::int32_t end = 0;
    bool operator==(const BaseRun&) const = default;
};

// What of a file's intervals was not taken as it stands, where the rules allow it.
struct LeftOut {
    std::int64_t empty = 0;      // intervals of no length
    std::int64_t elsewhere = 0;  // on contigs that the reference lacks
    std::int64_t behind = 0;     // wholly behind their contig's end
    std::int64_t clipped = 0;    // cut off at their contig's end
    std::int64_t no_data = 0;    // of coverage: values that are NaN
    LeftOut& operator+=(const LeftOut& other);
};
// The warnings about a file of which `intervals` were read, one for each that is not 0 and that no reader
// tells itself.
void tell_left_out(const std::string& path, std::int64_t intervals, const LeftOut& left_out, Log& log);

inline constexpr const char* kSkipMissing = "--missing-contig skip leaves out what lies there";

// What to do with intervals that do not fit the reference; by default they are errors.
struct IntervalRules {
    bool skip_missing = false;  // contigs that the reference lacks; where only the naming convention differs
                                // it stays an error
    bool clip = false;          // ends past their contig's end
    Blocks blocks = Blocks::use;
    bool may_be_empty = false;  // a file without intervals
    Quote quote = Quote::yes;
    BedGraph bed_graph = BedGraph::refuse;
};

// Sorted, disjoint and not touching within a contig. 8 bytes an interval: 50 M of them are 400 MB.
struct IntervalSet {
    struct Stretch {
        std::int32_t contig;
        std::uint32_t first;  // its first run
    };
    std::vector<BaseRun> runs;
    std::vector<Stretch> contigs;  // ascending; only contigs that have runs
    std::int64_t intervals = 0;    // read
    std::int64_t covered = 0;      // bases
    std::int64_t summits_outside = 0;
    LeftOut left_out;
    std::string sha256;  // of the file

    // [first, last) of `runs` that lie on a contig.
    std::pair<const BaseRun*, const BaseRun*> on(std::int32_t contig) const;
};

// Reads a narrowPeak, broadPeak or BED file. Error(input) for an empty file or an interval past its contig's
// end, Error(mismatch) for a contig that `fasta` does not hold, unless the rules say otherwise; also where
// all intervals lie on such contigs.
IntervalSet read_interval_set(const std::string& path, const FastaFile& fasta, const ContigAlias& alias,
                              const IntervalRules& rules, Log& log);

// The bases covered by any of several sets, as one.
IntervalSet merge_interval_sets(const std::vector<IntervalSet>& sets);

}  // namespace regkit
