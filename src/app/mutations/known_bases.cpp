// Known bases are counted first, and a second walk finds those that were drawn, so that the reference is read
// front to back and what is drawn is sorted.
#include "app/mutations/known_bases.hpp"

#include <algorithm>
#include <unordered_set>

#include "base/splitmix.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kPiece = 1 << 20;  // bases of the reference read at a time

}  // namespace

std::int64_t Generator::below(std::int64_t limit) {
    const auto n = static_cast<std::uint64_t>(limit);
    const std::uint64_t rest = (UINT64_MAX - n + 1) % n;  // 2^64 modulo n
    for (;;) {
        const std::uint64_t x = splitmix(state_);
        state_ += kSplitMixStep;
        if (x >= rest) return static_cast<std::int64_t>(x % n);
    }
}

std::vector<std::int64_t> random_numbers(std::int64_t total, std::int64_t count, std::uint64_t seed) {
    Generator generator(seed);
    std::unordered_set<std::int64_t> drawn;
    drawn.reserve(static_cast<std::size_t>(count));
    for (std::int64_t last = total - count; last < total; ++last)
        if (!drawn.insert(generator.below(last + 1)).second) drawn.insert(last);
    std::vector<std::int64_t> numbers(drawn.begin(), drawn.end());
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

KnownBases::KnownBases(CachedReference& reference, const std::vector<std::string>& regions,
                       const std::string& regions_file, Log& log)
    : reference_(reference) {
    const FastaFile& fasta = reference.fasta();
    std::vector<Region> all = parse_regions(regions, region_rules(fasta, "--region"));
    if (!regions_file.empty())
        for (Region& region : read_bed_regions(regions_file, log)) all.push_back(std::move(region));
    const bool whole = regions.empty() && regions_file.empty();
    for (const ContigRange& range : plan_regions(all, whole, fasta, 1, log))
        for (std::int64_t begin = range.begin; begin < range.end; begin += kPiece) {
            pieces_.push_back({range.contig, begin, std::min(range.end, begin + kPiece)});
            read(pieces_.back());
            known_.push_back(std::ssize(codes_) - std::count(codes_.begin(), codes_.end(), kCodeN));
            count_ += known_.back();
        }
}

void KnownBases::read(const ContigRange& piece) {
    codes_.resize(static_cast<std::size_t>(piece.end - piece.begin));
    reference_.read(piece.contig, piece.begin, piece.end, codes_);
}

void KnownBases::visit(std::span<const std::int64_t> numbers, std::int64_t choices, const Visit& visit) {
    std::int64_t base = 0;  // known bases so far
    auto next = numbers.begin();
    for (std::size_t i = 0; i < pieces_.size() && next != numbers.end(); ++i) {
        const ContigRange piece = pieces_[i];
        if (*next / choices >= base + known_[i]) {
            base += known_[i];
            continue;
        }
        read(piece);
        const std::vector<std::uint8_t> codes = codes_;
        for (std::int64_t at = piece.begin; at < piece.end; ++at) {
            const std::uint8_t code = nth(codes, at - piece.begin);
            if (code == kCodeN) continue;
            for (; next != numbers.end() && *next / choices == base; ++next)
                visit(piece.contig, at, code, *next % choices);
            ++base;
        }
    }
}

}  // namespace regkit
