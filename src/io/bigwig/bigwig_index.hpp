// The two search trees of a bigWig or bigBed file, as bytes (Kent, Zweig, Barber, Hinrichs, Karolchik 2010,
// "BigWig and BigBed: enabling browsing of large distributed datasets", supplementary tables 8 to 17).
// Internal to the writers.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace regkit::bigwig {

static_assert(std::endian::native == std::endian::little, "numbers are written in the machine's byte order");

// Appends a number as it lies in memory; readers tell the byte order from the magic.
template <class T>
requires std::is_arithmetic_v<T>
void put(std::string& out, T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out.append(bytes, sizeof value);
}

// One compressed block of data or of zoom records, and the range it covers.
struct BlockEntry {
    std::uint32_t contig = 0;  // a block never spans two contigs
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint64_t offset = 0;  // of its bytes in the file
    std::uint64_t size = 0;
};

struct NamedContig {
    std::string name;
    std::uint32_t id = 0;
    std::uint32_t length = 0;
};

// Chromosome B+ tree that will lie at `offset`. Sorts by name. Throws Error(input) on a duplicate.
std::string chromosome_tree(std::vector<NamedContig> contigs, std::uint64_t offset);

// R tree over blocks sorted by (contig, begin), which will lie at `offset`; the blocks' bytes end at
// `data_end`.
std::string range_tree(std::span<const BlockEntry> blocks, std::uint32_t items_per_block,
                       std::uint64_t data_end, std::uint64_t offset);

}  // namespace regkit::bigwig
