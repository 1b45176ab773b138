// Intervals of a file in memory, merged.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "io/contig_alias.hpp"
#include "io/fasta.hpp"

namespace regkit {

struct Run {
    std::int32_t begin = 0;
    std::int32_t end = 0;
    bool operator==(const Run&) const = default;
};

// Sorted, disjoint and not touching within a contig. 8 bytes an interval: 50 M of them are 400 MB.
struct IntervalSet {
    struct Stretch {
        std::int32_t contig;
        std::uint32_t first;  // its first run
    };
    std::vector<Run> runs;
    std::vector<Stretch> contigs;  // ascending; only contigs that have runs
    std::int64_t intervals = 0;    // read
    std::int64_t covered = 0;      // bases
    std::int64_t summits_outside = 0;
    std::int64_t elsewhere = 0;    // intervals on contigs that the reference lacks, where they are tolerated
    std::string sha256;            // of the file

    // [first, last) of `runs` that lie on a contig.
    std::pair<const Run*, const Run*> on(std::int32_t contig) const;
};

enum class Elsewhere : bool { refuse, count };

// Reads a narrowPeak, broadPeak or BED file. Error(input) for an empty file or an interval past its contig's end,
// Error(mismatch) for a contig that `fasta` does not hold; with Elsewhere::count (masks of a whole genome on a part of
// it) those are counted instead, unless only the naming convention differs or all of them lie elsewhere.
IntervalSet read_interval_set(const std::string& path, const FastaFile& fasta, const ContigAlias& alias,
                              Elsewhere elsewhere, Log& log);

// The bases covered by any of several sets, as one.
IntervalSet merge_interval_sets(const std::vector<IntervalSet>& sets);

}  // namespace regkit
