// Genomic coordinates: 0-based and half-open everywhere inside; 1-based only where a format or a user says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

// Parses samtools' region text: "chr1", "chr2:1,000", "chr3:1000-2,000" (1-based, inclusive) into 0-based half-open.
// A contig name that holds a colon can be written "{HLA:DRB1}:1-10"; the text alone cannot tell otherwise.
// Throws Error(usage) on an empty name, position 0, an end before its start, or anything that is not a number.
Region parse_region(std::string_view text);

// "chr3:1,000-2,000" without the commas, 1-based inclusive.
std::string to_string(const Region& region);

}  // namespace regkit
