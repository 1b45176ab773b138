// Reads the list of contigs, then walks the tree over the blocks and decompresses these in order. Every
// offset and size is held against the file before it is used. Nodes are counted by their bytes: since no two
// share any, a tree that takes more than the file has runs in circles.
#include "io/bigwig/bigwig_reader.hpp"

#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <span>
#include <unordered_map>

#include "base/descriptor.hpp"
#include "io/files/random_file.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

static_assert(std::endian::native == std::endian::little, "bigWig is read in the machine's byte order");

constexpr std::uint32_t kBigWigMagic = 0x888FFC26, kBigWigSwapped = 0x26FC8F88;
constexpr std::uint32_t kBigBedMagic = 0x8789F2EB, kBigBedSwapped = 0xEBF28987;
constexpr std::uint32_t kContigTreeMagic = 0x78CA8C91, kRangeTreeMagic = 0x2468ACE0;
constexpr std::size_t kHeader = 64, kContigTreeHeader = 32, kRangeTreeHeader = 48, kNodeHeader = 4,
                      kZoomHeader = 24;
constexpr int kVersionWithEnd = 4;
constexpr std::size_t kLeafItem = 32, kInnerItem = 24, kSectionHeader = 24;
constexpr std::uint32_t kLongestName = 4096, kLargestBlock = 1u << 28;

template <class T>
T number_at(std::span<const char> bytes, std::size_t at) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

struct DecompressorFree {
    void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

struct Block {
    std::uint64_t offset = 0, size = 0;
};

}  // namespace

bool is_bigwig(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) return false;
    std::array<char, 4> first{};
    const int fd = open_file(path.c_str(), O_RDONLY);
    if (fd < 0) throw_errno(path + ": cannot open");
    const ssize_t got = read_at(fd, 0, first);
    const int saved = errno;
    close_file(fd);
    errno = saved;
    if (got < 0) throw_errno(path + ": cannot read");
    if (got < static_cast<ssize_t>(first.size())) return false;
    const auto magic = number_at<std::uint32_t>(first, 0);
    require(magic != kBigWigSwapped, ErrorKind::input,
            path + ": a bigWig of a big-endian machine; convert it with bigWigToBedGraph");
    require(magic != kBigBedMagic && magic != kBigBedSwapped, ErrorKind::input,
            path + ": a bigBed, which holds no coverage; convert it with bigBedToBed");
    return magic == kBigWigMagic;
}

struct BigWigReader::Impl {
    RandomFile file;
    std::vector<BigWigContig> contigs;
    std::unordered_map<std::uint32_t, std::int32_t> contig_of_id;
    std::uint64_t range_tree = 0;
    std::uint32_t block_size = 0;  // uncompressed; 0: blocks are not compressed
    std::uint64_t index_bytes = 0;
    std::unique_ptr<libdeflate_decompressor, DecompressorFree> decompressor{libdeflate_alloc_decompressor()};
    std::vector<char> packed, unpacked;

    explicit Impl(const std::string& path) : file(path) {
        require(decompressor != nullptr, ErrorKind::resource, path + ": no memory to decompress");
        std::vector<char> header;
        require(is_bigwig(path), ErrorKind::input, path + ": this is no bigWig");
        fetch(0, kHeader, header);
        range_tree = number_at<std::uint64_t>(header, 24);
        block_size = number_at<std::uint32_t>(header, 52);
        if (block_size > kLargestBlock)
            fail("its blocks are said to hold " + std::to_string(block_size) + " bytes");
        check_end(number_at<std::uint16_t>(header, 4), number_at<std::uint16_t>(header, 6));
        read_contigs(number_at<std::uint64_t>(header, 8));
    }

    [[noreturn]] void fail_truncated(const std::string& what) const {
        throw Error(ErrorKind::input, file.path() + ": truncated: " + what + "; copy the file again");
    }

    // What a cut takes first are the zoomed values, which are not read here; but the file is not what its
    // author wrote. Since version 4 all writers end a file with its magic number; before, the last zoom level
    // has to be whole.
    void check_end(int version, int levels) {
        std::vector<char> bytes;
        if (version >= kVersionWithEnd) {
            fetch(file.size() - sizeof kBigWigMagic, sizeof kBigWigMagic, bytes);
            if (number_at<std::uint32_t>(bytes, 0) != kBigWigMagic)
                fail_truncated("the number that ends a bigWig is missing");
            return;
        }
        std::vector<char> zooms;
        fetch(kHeader, static_cast<std::uint64_t>(levels) * kZoomHeader, zooms);
        for (std::size_t at = 0; at < zooms.size(); at += kZoomHeader) {
            const auto index = number_at<std::uint64_t>(zooms, at + 16);
            if (index == 0) continue;
            fetch(index, kRangeTreeHeader, bytes);
            if (number_at<std::uint32_t>(bytes, 0) != kRangeTreeMagic)
                fail("no index of zoomed values where its header says");
            walk(index + kRangeTreeHeader, kLeafItem, kInnerItem, [&](std::span<const char> item) {
                const auto offset = number_at<std::uint64_t>(item, 16),
                           size = number_at<std::uint64_t>(item, 24);
                if (offset > file.size() || size > file.size() - offset)
                    fail_truncated("it ends within its zoomed values");
            });
        }
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw Error(ErrorKind::input, file.path() + ": " + what + "; the file is damaged");
    }

    void fetch(std::uint64_t offset, std::uint64_t size, std::vector<char>& bytes) {
        if (offset > file.size() || size > file.size() - offset)
            fail_truncated("it ends before byte " + std::to_string(offset) + " + " + std::to_string(size));
        bytes.resize(size);
        if (file.read(offset, bytes) != size) fail("it was cut short while it was read");
    }

    // Header and items of a node; false for a leaf. No two nodes share bytes, so that all are no more than
    // the file.
    bool fetch_node(std::uint64_t offset, std::size_t leaf_item, std::size_t inner_item,
                    std::vector<char>& items) {
        fetch(offset, kNodeHeader, items);
        const bool leaf = items[0] != 0;
        const std::uint64_t size =
            std::uint64_t{number_at<std::uint16_t>(items, 2)} * (leaf ? leaf_item : inner_item);
        index_bytes += kNodeHeader + size;
        if (index_bytes > file.size()) fail("its index runs in circles");
        fetch(offset + kNodeHeader, size, items);
        return !leaf;
    }

    // Nodes depth first; leaf(item) for each item of the leaves, in order. An inner item ends with its
    // child's offset.
    template <class Leaf>
    void walk(std::uint64_t root, std::size_t leaf_item, std::size_t inner_item, Leaf&& leaf) {
        std::vector<std::uint64_t> stack{root};
        std::vector<char> items;
        while (!stack.empty()) {
            const std::uint64_t at = stack.back();
            stack.pop_back();
            const bool inner = fetch_node(at, leaf_item, inner_item, items);
            const std::size_t step = inner ? inner_item : leaf_item;
            const std::span<const char> all(items);
            if (!inner)
                for (std::size_t i = 0; i < items.size(); i += step) leaf(all.subspan(i, step));
            else
                for (std::size_t i = items.size(); i > 0; i -= step)
                    stack.push_back(number_at<std::uint64_t>(all, i - 8));
        }
    }

    void read_contigs(std::uint64_t offset) {
        std::vector<char> header;
        fetch(offset, kContigTreeHeader, header);
        if (number_at<std::uint32_t>(header, 0) != kContigTreeMagic)
            fail("no list of contigs where its header says");
        const auto key = number_at<std::uint32_t>(header, 8), value = number_at<std::uint32_t>(header, 12);
        if (key < 1 || key > kLongestName || value != 8) fail("impossible names of contigs");
        std::set<std::string> names;
        walk(offset + kContigTreeHeader, key + 8, key + 8, [&](std::span<const char> item) {
            const std::string padded(item.data(), key);
            const std::string name = padded.substr(0, padded.find('\0'));
            const auto id = number_at<std::uint32_t>(item, key),
                       length = number_at<std::uint32_t>(item, key + 4);
            if (name.empty() || !names.insert(name).second) fail("a contig without a name, or two of one");
            if (!contig_of_id.emplace(id, static_cast<std::int32_t>(contigs.size())).second)
                fail("two contigs of number " + std::to_string(id));
            contigs.push_back({name, length});
        });
    }

    std::span<const char> fetch_block(const Block& block) {
        fetch(block.offset, block.size, packed);
        if (block_size == 0) return packed;
        unpacked.resize(block_size);
        std::size_t size = 0;
        if (libdeflate_zlib_decompress(decompressor.get(), packed.data(), packed.size(), unpacked.data(),
                                       unpacked.size(), &size) != LIBDEFLATE_SUCCESS)
            fail("its block at byte " + std::to_string(block.offset) + " cannot be decompressed");
        return std::span<const char>(unpacked).first(size);
    }

    void read(const std::function<void(const Value&)>& sink) {
        std::vector<char> header;
        fetch(range_tree, kRangeTreeHeader, header);
        if (number_at<std::uint32_t>(header, 0) != kRangeTreeMagic) fail("no index where its header says");
        std::vector<Block> blocks;
        walk(range_tree + kRangeTreeHeader, kLeafItem, kInnerItem, [&](std::span<const char> item) {
            blocks.push_back({number_at<std::uint64_t>(item, 16), number_at<std::uint64_t>(item, 24)});
        });
        std::vector<bool> seen(contigs.size());
        Value last{.contig = -1};
        for (const Block& block : blocks) read_block(block, seen, last, sink);
    }

    void read_block(const Block& block, std::vector<bool>& seen, Value& last,
                    const std::function<void(const Value&)>& sink) {
        const std::span<const char> bytes = fetch_block(block);
        const std::string where = "its block at byte " + std::to_string(block.offset);
        if (bytes.size() < kSectionHeader) fail(where + " is too short");
        const auto id = number_at<std::uint32_t>(bytes, 0), start = number_at<std::uint32_t>(bytes, 4);
        const auto step = number_at<std::uint32_t>(bytes, 12), span = number_at<std::uint32_t>(bytes, 16);
        const int type = bytes[20];
        const auto count = number_at<std::uint16_t>(bytes, 22);
        const auto known = contig_of_id.find(id);
        if (known == contig_of_id.end()) fail(where + " is of no contig");
        if (type < 1 || type > 3) fail(where + " is of an unknown type");
        const std::size_t item = type == 1 ? 12 : type == 2 ? 8 : 4;  // bedGraph, variableStep, fixedStep
        if (bytes.size() < kSectionHeader + count * item) fail(where + " is too short");
        Value value{.contig = known->second};
        const BigWigContig& contig = nth(contigs, value.contig);
        if (value.contig != last.contig) {
            if (nth(seen, value.contig)) fail("contig " + contig.name + " lies in two places");
            nth(seen, value.contig) = true;
            last = {.contig = value.contig};
        }
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t at = kSectionHeader + i * item;
            value.begin = type == 3 ? start + std::int64_t{step} * static_cast<std::int64_t>(i)
                                    : number_at<std::uint32_t>(bytes, at);
            value.end = type == 1 ? number_at<std::uint32_t>(bytes, at + 4) : value.begin + span;
            value.value = number_at<float>(bytes, at + item - 4);
            if (value.begin < last.end || value.end <= value.begin || value.end > contig.length)
                throw Error(
                    ErrorKind::input,
                    file.path() + " (" + contig.name + ":" + std::to_string(value.begin + 1) +
                        "): a value outside its contig, or not behind the one before; the file is damaged");
            last.end = value.end;
            sink(value);
        }
    }
};

BigWigReader::BigWigReader(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
BigWigReader::~BigWigReader() = default;
const std::vector<BigWigReader::BigWigContig>& BigWigReader::contigs() const {
    return impl_->contigs;
}

void BigWigReader::read(const std::function<void(const Value&)>& sink) {
    impl_->read(sink);
}

}  // namespace regkit
