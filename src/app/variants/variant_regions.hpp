// -r, -R, -t and -T of regsnp, as bcftools has them: which records to annotate.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/log.hpp"
#include "base/region.hpp"

namespace regkit {

// Regions of one option and its file, in the order that bcftools takes them in: contigs as they are named
// first; on each, ascending, and merged where they touch.
std::vector<Region> ordered_regions(std::vector<Region> regions);

// A file of regions: BED where its name says so (.bed, .bed.gz), otherwise lines of CHROM, POS and perhaps
// END, 1-based and inclusive, separated by tabs; of a VCF or BCF the positions. Error(input) naming the line;
// an empty one is warned of.
std::vector<Region> read_regions_file(const std::string& path, Log& log);

// Where records may begin, or may not.
class PositionSet {
  public:
    explicit PositionSet(const std::vector<Region>& regions);
    bool contains(std::string_view contig, std::int64_t position) const;

  private:
    std::unordered_map<std::string, std::vector<Region>> on_;
};

}  // namespace regkit
