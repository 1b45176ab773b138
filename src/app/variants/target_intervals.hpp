// Named intervals, such as promoters, in which the changes that variants make are summed up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/call/region_table.hpp"
#include "base/log.hpp"
#include "io/fasta/fasta.hpp"

namespace regkit {

class TargetIntervals {
  public:
    TargetIntervals() = default;
    // A BED file; names of its fourth column, or "chr1:101-200" where there is none. Contigs are the
    // reference's: Error(mismatch) where it has none of them, a warning where it lacks some.
    TargetIntervals(const std::string& path, const FastaFile& fasta, Log& log);

    // Those that hold some of the bases [begin, end) of contig number `contig`, by their begin. They stay
    // where they are as long as this does.
    std::vector<const NamedRegion*> within(int contig, std::int64_t begin, std::int64_t end) const;

  private:
    struct OfContig {
        std::vector<NamedRegion> intervals;  // sorted by begin
        std::int64_t longest = 0;            // bases of one
    };
    std::vector<OfContig> contigs_;
};

}  // namespace regkit
