// Named regions are sorted and merged for each contig, and a window is looked up among them. A random split
// hashes blocks of a contig, sorts them by the hash and deals them out, so that the seed alone decides and
// the order of contigs does not. A window that reaches into a block of another split is left out, since
// windows of two splits must not overlap.
#include "app/dataset/window_split.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "app/model/regions.hpp"
#include "base/splitmix.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

std::uint64_t hash_name(std::uint64_t seed, const std::string& name) {
    std::uint64_t hash = splitmix(seed);
    for (const char c : name) hash = splitmix(hash ^ static_cast<unsigned char>(c));
    return hash;
}

}  // namespace

RegionSplit::RegionSplit(const BuildDatasetParameters& parameters, const FastaFile& fasta)
    : pieces_(fasta.contigs().size()), rest_is_train_(parameters.train.empty()) {
    const std::pair<const std::vector<std::string>*, Split> lists[] = {{&parameters.train, Split::train},
                                                                       {&parameters.valid, Split::valid},
                                                                       {&parameters.test, Split::test}};
    for (const auto& [texts, split] : lists) {
        std::vector<Region>& regions = nth(regions_, split);
        regions = parse_regions(*texts, region_rules(fasta, std::string("--") + to_string(split)));
        for (const Region& region : regions) {
            const auto contig = static_cast<std::size_t>(fasta.require_contig(region.contig));
            const std::int64_t length = fasta.contigs()[contig].length;
            require(region.begin < length && (region.end == kContigEnd || region.end <= length),
                    ErrorKind::usage,
                    std::string("--") + to_string(split) + " " + to_string(region) + ": the contig ends at " +
                        std::to_string(length));
            pieces_[contig].push_back({region.begin, std::min(region.end, length), split});
        }
    }
    for (std::size_t contig = 0; contig < pieces_.size(); ++contig) {
        auto& list = pieces_[contig];
        std::sort(list.begin(), list.end(), [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
        std::vector<Piece> merged;
        for (const Piece& piece : list) {
            if (merged.empty() || piece.begin > merged.back().end ||
                (piece.begin == merged.back().end && piece.split != merged.back().split)) {
                merged.push_back(piece);
                continue;
            }
            Piece& last = merged.back();
            require(piece.split == last.split, ErrorKind::usage,
                    "the regions of " + std::string(to_string(last.split)) + " and " +
                        to_string(piece.split) + " overlap at " +
                        to_string(Region{fasta.contigs()[contig].name, piece.begin,
                                         std::min(piece.end, last.end)}));
            last.end = std::max(last.end, piece.end);
        }
        list = std::move(merged);
    }
}

Assignment RegionSplit::of(std::int32_t contig, std::int64_t begin, std::int64_t end) const {
    const auto& list = nth(pieces_, contig);
    auto piece = std::upper_bound(list.begin(), list.end(), begin,
                                  [](std::int64_t at, const Piece& p) { return at < p.end; });
    if (piece == list.end() || piece->begin >= end)
        return rest_is_train_ ? Assignment::train : Assignment::unassigned;
    const Split split = piece->split;
    std::int64_t named = 0;
    for (; piece != list.end() && piece->begin < end; ++piece) {
        if (piece->split != split) return Assignment::straddling;
        named += std::min(end, piece->end) - std::max(begin, piece->begin);
    }
    // What lies beside the regions is train, or nothing at all.
    if (named < end - begin && !(split == Split::train && rest_is_train_)) return Assignment::straddling;
    return static_cast<Assignment>(split);
}

RandomSplit parse_random_split(const std::string& text) {
    const auto bad = [&] {
        throw Error(ErrorKind::usage, "--split '" + text +
                                          "': write random:TRAIN,VALID,TEST, three fractions with the "
                                          "sum 1, as in random:0.8,0.1,0.1");
    };
    constexpr std::string_view kPrefix = "random:";
    if (!text.starts_with(kPrefix)) bad();
    std::string_view rest = std::string_view(text).substr(kPrefix.size());
    std::vector<double> fractions;
    for (bool more = true; more;) {
        const auto comma = rest.find(',');
        const auto value = parse_real(rest.substr(0, comma));
        if (!value || *value < 0 || *value > 1) bad();
        fractions.push_back(*value);
        more = comma != rest.npos;
        if (more) rest.remove_prefix(comma + 1);
    }
    if (fractions.size() != 3 || !(std::abs(fractions[0] + fractions[1] + fractions[2] - 1) <= 1e-6)) bad();
    return {fractions[0], fractions[1], fractions[2]};
}

std::int64_t split_at_random(const RandomSplit& fractions, std::int64_t block, std::uint64_t seed,
                             std::int64_t window, const std::vector<Contig>& contigs,
                             std::vector<DatasetWindow>& windows) {
    const std::int64_t size = block == 0 ? window : block;
    using Block = std::pair<std::int32_t, std::int64_t>;  // contig, number
    std::map<Block, std::int64_t> count;                  // windows that begin there
    for (const auto& w : windows) ++count[{w.contig, w.begin / size}];
    std::vector<std::uint64_t> name_hash;
    for (const auto& contig : contigs) name_hash.push_back(hash_name(seed, contig.name));
    std::vector<std::pair<std::uint64_t, Block>> order;
    for (const auto& [key, unused] : count)
        order.push_back(
            {splitmix(nth(name_hash, key.first) ^ splitmix(static_cast<std::uint64_t>(key.second))), key});
    std::sort(order.begin(), order.end());

    std::map<Block, Split> dealt;
    const auto total = static_cast<double>(windows.size());
    double given = 0;
    for (const auto& [unused, key] : order) {
        // By the middle of the block: the split whose share of all windows it lies in.
        const double middle = (given + static_cast<double>(count[key]) / 2) / total;
        dealt[key] = middle < fractions.train                     ? Split::train
                     : middle < fractions.train + fractions.valid ? Split::valid
                                                                  : Split::test;
        given += static_cast<double>(count[key]);
    }
    const auto removed = std::erase_if(windows, [&](DatasetWindow& w) {
        w.split = dealt.at({w.contig, w.begin / size});
        // A block in which no window begins takes those that reach into it. Windows that overlap begin in the
        // same block or in blocks that the first of them reaches into: both are kept only where these are of
        // one split.
        const auto last = dealt.upper_bound({w.contig, (w.begin + window - 1) / size});
        return std::any_of(dealt.find({w.contig, w.begin / size}), last,
                           [&](const auto& block) { return block.second != w.split; });
    });
    return static_cast<std::int64_t>(removed);
}

}  // namespace regkit
