// Both trees are packed: only the last node of a level can be short, so every node's place follows from its
// number, and the bytes can be written level by level, root first, without going back. One function does that
// for both; what an item holds is the only difference.
#include "io/bigwig/bigwig_index.hpp"

#include <algorithm>
#include <utility>

#include "kernels/base/error.hpp"

namespace regkit::bigwig {
namespace {

constexpr std::uint32_t kChromosomeTreeMagic = 0x78CA8C91;
constexpr std::uint32_t kRangeTreeMagic = 0x2468ACE0;
constexpr std::size_t kFanOut = 256;
constexpr std::size_t kNodeHeader = 4;

std::size_t ceil_div(std::size_t a, std::size_t b) {
    return (a + b - 1) / b;
}

// Nodes on each level of a packed tree, root first; the last level holds the items.
std::vector<std::size_t> level_sizes(std::size_t items, std::size_t fan_out) {
    std::vector<std::size_t> nodes{std::max<std::size_t>(1, ceil_div(items, fan_out))};
    while (nodes.back() > 1) nodes.push_back(ceil_div(nodes.back(), fan_out));
    std::reverse(nodes.begin(), nodes.end());
    return nodes;
}

void put_node_header(std::string& out, bool leaf, std::size_t count) {
    put<std::uint8_t>(out, leaf ? 1 : 0);
    put<std::uint8_t>(out, 0);
    put<std::uint16_t>(out, static_cast<std::uint16_t>(count));
}

// Writes a packed tree level by level. Only the last node of a level can be short, so the place of every node
// follows from its number; `item(level, index, child_offset)` appends one item, child_offset = 0 on leaves.
template <class Item>
void put_levels(std::string& out, std::size_t items, std::size_t fan_out, std::size_t inner_item_size,
                std::uint64_t offset, Item&& item) {
    const std::vector<std::size_t> nodes = level_sizes(items, fan_out);
    std::uint64_t level_begin = offset;
    for (std::size_t level = 0; level < nodes.size(); ++level) {
        const bool leaf = level + 1 == nodes.size();
        const std::size_t level_items = leaf ? items : nodes[level + 1];
        const std::uint64_t next_level =
            level_begin + nodes[level] * kNodeHeader + level_items * inner_item_size;
        const bool below_is_leaf = level + 2 == nodes.size();
        const std::size_t child_size =
            kNodeHeader + fan_out * (below_is_leaf ? item.leaf_size : inner_item_size);
        for (std::size_t node = 0; node < nodes[level]; ++node) {
            const std::size_t first = node * fan_out;
            const std::size_t last = std::min(level_items, first + fan_out);
            put_node_header(out, leaf, last - first);
            for (std::size_t i = first; i < last; ++i)
                leaf ? item.put_leaf(out, i)
                     : item.put_inner(out, nodes.size() - 1 - level, i, next_level + i * child_size);
        }
        level_begin = next_level;
    }
}

struct ChromosomeItems {
    const std::vector<NamedContig>& contigs;
    std::size_t key_size;
    std::size_t fan_out;
    std::size_t leaf_size = key_size + 8;

    void put_key(std::string& out, std::size_t i) const {
        out.append(contigs[i].name);
        out.append(key_size - contigs[i].name.size(), '\0');
    }
    void put_leaf(std::string& out, std::size_t i) const {
        put_key(out, i);
        put(out, contigs[i].id);
        put(out, contigs[i].length);
    }
    // A node `height` levels above the leaves is keyed by the first name below it.
    void put_inner(std::string& out, std::size_t height, std::size_t i, std::uint64_t child) const {
        std::size_t first = i;
        for (std::size_t h = 0; h < height; ++h) first *= fan_out;
        put_key(out, first);
        put(out, child);
    }
};

struct Range {
    std::pair<std::uint32_t, std::uint32_t> begin, end;  // (contig, position)
};

struct RangeItems {
    std::span<const BlockEntry> blocks;
    const std::vector<std::vector<Range>>& ranges;  // of the nodes, by height above the leaves, from 0
    std::size_t leaf_size = 32;

    static void put_range(std::string& out, const Range& r) {
        put(out, r.begin.first);
        put(out, r.begin.second);
        put(out, r.end.first);
        put(out, r.end.second);
    }
    void put_leaf(std::string& out, std::size_t i) const {
        const BlockEntry& b = blocks[i];
        put_range(out, {{b.contig, b.begin}, {b.contig, b.end}});
        put(out, b.offset);
        put(out, b.size);
    }
    void put_inner(std::string& out, std::size_t height, std::size_t i, std::uint64_t child) const {
        put_range(out, ranges[height - 1][i]);
        put(out, child);
    }
};

Range cover(const Range* first, const Range* last) {
    Range all = *first;
    for (const Range* r = first + 1; r != last; ++r) {
        all.begin = std::min(all.begin, r->begin);
        all.end = std::max(all.end, r->end);
    }
    return all;
}

std::vector<std::vector<Range>> node_ranges(std::span<const BlockEntry> blocks) {
    std::vector<Range> below;
    below.reserve(blocks.size());
    for (const BlockEntry& b : blocks) below.push_back({{b.contig, b.begin}, {b.contig, b.end}});
    std::vector<std::vector<Range>> all;
    while (below.size() > 1 || all.empty()) {
        std::vector<Range> nodes;
        for (std::size_t i = 0; i < below.size(); i += kFanOut)
            nodes.push_back(cover(&below[i], below.data() + std::min(below.size(), i + kFanOut)));
        all.push_back(nodes);
        below = std::move(nodes);
        if (below.empty()) break;
    }
    return all;
}

}  // namespace

std::string chromosome_tree(std::vector<NamedContig> contigs, std::uint64_t offset) {
    std::sort(contigs.begin(), contigs.end(),
              [](const NamedContig& a, const NamedContig& b) { return a.name < b.name; });
    std::size_t key_size = 1;
    for (std::size_t i = 0; i < contigs.size(); ++i) {
        key_size = std::max(key_size, contigs[i].name.size());
        require(i == 0 || contigs[i].name != contigs[i - 1].name, ErrorKind::input,
                "contig '" + contigs[i].name + "' occurs twice; in bigWig and bigBed names must be unique");
    }
    const std::size_t fan_out = std::clamp<std::size_t>(contigs.size(), 2, kFanOut);
    std::string out;
    put(out, kChromosomeTreeMagic);
    put(out, static_cast<std::uint32_t>(fan_out));
    put(out, static_cast<std::uint32_t>(key_size));
    put<std::uint32_t>(out, 8);  // bytes of a value: id and length
    put<std::uint64_t>(out, contigs.size());
    put<std::uint64_t>(out, 0);
    put_levels(out, contigs.size(), fan_out, key_size + 8, offset + out.size(),
               ChromosomeItems{contigs, key_size, fan_out});
    return out;
}

std::string range_tree(std::span<const BlockEntry> blocks, std::uint32_t items_per_block,
                       std::uint64_t data_end, std::uint64_t offset) {
    const std::vector<std::vector<Range>> ranges = node_ranges(blocks);
    const Range all = blocks.empty() ? Range{} : ranges.back().front();
    std::string out;
    put(out, kRangeTreeMagic);
    put(out, static_cast<std::uint32_t>(kFanOut));
    put<std::uint64_t>(out, blocks.size());
    RangeItems::put_range(out, all);
    put(out, data_end);
    put(out, items_per_block);
    put<std::uint32_t>(out, 0);
    put_levels(out, blocks.size(), kFanOut, 24, offset + out.size(), RangeItems{blocks, ranges});
    return out;
}

}  // namespace regkit::bigwig
