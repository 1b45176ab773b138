// Which parts of a genome to work on: -r, -R, or all of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/region.hpp"
#include "io/fasta/fasta.hpp"

namespace regkit {

struct ContigRange {
    int contig = 0;  // number in the FASTA
    std::int64_t begin = 0;
    std::int64_t end = 0;
    bool operator==(const ContigRange&) const = default;
};

// Regions of a BED file, as IntervalReader reads it. Error(input) naming the line.
std::vector<Region> read_bed_regions(const std::string& path, Log& log);

// How texts of regions are read where these are the contigs; `called` is the option, in errors.
RegionRules region_rules(const FastaFile& fasta, const std::string& called);

// Sorted by contig (the FASTA's order) and begin; overlapping and adjacent ones merged, so that the same
// bases give the same output however they are asked for; each is widened to whole cells, multiples of `cell`
// bases on the contig. No region at all stands for every contig. An end beyond the contig is clipped with a
// warning; a begin beyond it is Error(input), an unknown contig Error(mismatch).
std::vector<ContigRange> plan_regions(const std::vector<Region>& regions, bool all, const FastaFile& fasta,
                                      std::int64_t cell, Log& log);

}  // namespace regkit
