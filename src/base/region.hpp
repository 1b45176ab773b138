// Genomic coordinates: 0-based and half-open everywhere inside; 1-based only where a format or a user says
// so.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace regkit {

// [begin, end) on a contig, in bases.
struct Region {
    std::string contig;
    std::int64_t begin = 0;
    std::int64_t end = 0;

    std::int64_t length() const { return end - begin; }
    bool operator==(const Region&) const = default;
};

// The end of a region whose text names no end: the caller clips it to the contig's length.
inline constexpr std::int64_t kContigEnd = INT64_MAX;

// Whether there is a contig of this name: names may hold colons and commas, so that text alone cannot tell a
// name from a range.
using HasContig = std::function<bool(const std::string& name)>;

// What "chr1:100" stands for: all from that base on (samtools), or that base alone (bcftools).
enum class OnePosition : bool { to_end, alone };

// How regions are read, and what an error calls them: "--region 'chr1:0-5': positions are ...".
struct RegionRules {
    HasContig has_contig;
    std::string called = "region";
    OnePosition one = OnePosition::to_end;
};

// One region as htslib's hts_parse_region reads it: "chr1", "chr2:1,000", "chr3:1000-2,000", "chr4:1000-",
// "chr5:-2000", "{HLA:DRB1}:1-10" (1-based, inclusive), into 0-based half-open. Text that is a contig's name
// as a whole is that contig; where a range of another contig fits as well: Error(usage) that names both ways
// to write it. Where neither is a contig, the name before the range stands in the result, for the caller to
// refuse. Error(usage) also for position 0, an end before its start, and anything that is not a number.
Region parse_region(std::string_view text, const RegionRules& rules);

// Several regions with commas between, in order. A comma starts a new region unless it stands in a number:
// three digits and then a comma, '-' or the end follow. Braces and names of contigs keep their commas.
std::vector<Region> parse_regions(std::string_view text, const RegionRules& rules);
// Of all these texts.
std::vector<Region> parse_regions(const std::vector<std::string>& texts, const RegionRules& rules);

// Where a sequence named "chr1:1,001-2,000" lies, as samtools faidx names what it cut out; also "chr1:1001-",
// "chr1:-2000" and names in braces. None for a name without a range: "HLA-A*01:01" is a whole contig's.
// Error(usage) for a range that cannot be.
std::optional<Region> parse_placed_name(std::string_view name);

// "chr3:1000-2000", 1-based inclusive, or "chr3:1000-"; a name that could be misread stands in braces.
std::string to_string(const Region& region);

}  // namespace regkit
