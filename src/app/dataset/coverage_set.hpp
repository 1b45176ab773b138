// Coverage of a genome in memory, averaged over bins.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "app/dataset/interval_set.hpp"
#include "base/log.hpp"
#include "io/fasta/contig_alias.hpp"
#include "io/fasta/fasta.hpp"

namespace regkit {

// Adjacent bins [begin, end) of the same mean coverage, above 0; in bins from the contig's first base on.
struct CoverageRun {
    std::int32_t begin = 0;
    std::int32_t end = 0;
    float value = 0;
};

// Sorted and disjoint within a contig. Only bins that lie inside their contig whole. 12 bytes a run.
struct CoverageSet {
    struct Stretch {
        std::int32_t contig;
        std::size_t first, last;  // of `runs`
    };
    std::vector<CoverageRun> runs;
    std::vector<Stretch> contigs;  // ascending; only contigs that have runs
    std::int64_t intervals = 0;    // read, those of value 0 among them
    std::int64_t covered = 0;      // bases of the runs
    LeftOut left_out;
    std::string sha256;  // of the file

    // [first, last) of `runs` that lie on a contig.
    std::pair<const CoverageRun*, const CoverageRun*> on(std::int32_t contig) const;
};

// Reads bedGraph, plain or compressed, or bigWig (told by its content); a bin's coverage is the mean over its
// bases, which is 0 where the file says nothing or has NaN. Error(input) for values that are negative or
// infinite, for intervals of bedGraph that overlap or are not sorted within their contig, and where no bin is
// covered; unless the rules say otherwise also for anything outside a contig, and Error(mismatch) for a
// contig that `fasta` does not hold. Always Error(mismatch) for one that has another length in a bigWig.
CoverageSet read_coverage_set(const std::string& path, std::int64_t bin, const FastaFile& fasta,
                              const ContigAlias& alias, const IntervalRules& rules, Log& log);

}  // namespace regkit
