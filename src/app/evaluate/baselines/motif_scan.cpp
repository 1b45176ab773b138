// Two bases are looked up at a time, which halves the time that scanning takes. The maxima over a range that
// moves along are taken in blocks of its length (van Herk 1992): two comparisons a position, whatever the
// length.
#include "app/evaluate/baselines/motif_scan.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr int kCodes = 5;  // N A C G T
constexpr double kUnknownSites = 20;
constexpr float kImpossible = -1e6f;  // of N: no sum with it comes near a score

// The largest of values[i .. i + width) for each i with i + width <= size.
std::vector<float> sliding_max(const std::vector<float>& values, std::size_t width) {
    const std::size_t size = values.size();
    std::vector<float> ahead(values), behind(values);  // from a block's begin on, and up to its end
    for (std::size_t i = 1; i < size; ++i)
        if (i % width != 0) ahead[i] = std::max(ahead[i], ahead[i - 1]);
    for (std::size_t i = size - 1; i-- > 0;)
        if ((i + 1) % width != 0) behind[i] = std::max(behind[i], behind[i + 1]);
    std::vector<float> best(size - width + 1);
    for (std::size_t i = 0; i < best.size(); ++i) best[i] = std::max(behind[i], ahead[i + width - 1]);
    return best;
}

}  // namespace

MotifScan::MotifScan(const Motif& motif, const BaseProbabilities& background)
    : width_(std::ssize(motif.positions)) {
    const double sites = motif.sites > 0 ? motif.sites : kUnknownSites;
    // [strand][position][code]
    std::vector<std::array<float, kCodes>> bits[2];
    for (auto& strand : bits) strand.resize(motif.positions.size());
    for (std::size_t i = 0; i < motif.positions.size(); ++i) {
        bits[0][i][0] = bits[1][motif.positions.size() - 1 - i][0] = kImpossible;
        for (std::size_t base = 0; base < background.size(); ++base) {
            const double expected = background[base];
            const auto score = static_cast<float>(
                std::log2((motif.positions[i][base] * sites + expected) / (sites + 1) / expected));
            bits[0][i][base + 1] = score;
            bits[1][motif.positions.size() - 1 - i][4 - base] = score;
        }
    }
    for (int strand = 0; strand < 2; ++strand)
        for (std::size_t i = 0; i < motif.positions.size(); i += 2) {
            PairTable& table = strands_[strand].emplace_back(kCodes * kCodes);
            for (std::size_t first = 0; first < kCodes; ++first)
                for (std::size_t second = 0; second < kCodes; ++second)
                    table[first * kCodes + second] =
                        bits[strand][i][first] +
                        (i + 1 < motif.positions.size() ? bits[strand][i + 1][second] : 0);
        }
}

std::vector<float> MotifScan::scores(std::span<const std::uint8_t> codes) const {
    const std::int64_t count = std::ssize(codes) - width_ + 1;
    if (count <= 0) return {};
    std::vector<std::uint8_t> pairs(codes.size());
    for (std::size_t i = 0; i < codes.size(); ++i)
        pairs[i] = static_cast<std::uint8_t>(codes[i] * kCodes + (i + 1 < codes.size() ? codes[i + 1] : 0));
    std::vector<float> best(static_cast<std::size_t>(count), kNoMatch), sums(best.size());
    for (const auto& strand : strands_) {
        std::fill(sums.begin(), sums.end(), 0.0f);
        for (std::size_t t = 0; t < strand.size(); ++t)
            for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += strand[t][pairs[i + 2 * t]];
        for (std::size_t i = 0; i < sums.size(); ++i) best[i] = std::max(best[i], sums[i]);
    }
    return best;
}

MotifBaseline::MotifBaseline(std::shared_ptr<const std::vector<MotifScan>> motifs, std::vector<int> motif_of)
    : motifs_(std::move(motifs)), motif_of_(std::move(motif_of)) {
    for (const int motif : motif_of_)
        if (motif >= 0) reach_ = std::max(reach_, kMotifReach + nth(*motifs_, motif).width());
}

void MotifBaseline::score(const ScoredPositions& positions, float* scores, std::int64_t stride) const {
    // Markers of one motif share its scan.
    std::vector<std::size_t> order(motif_of_.size());
    for (std::size_t m = 0; m < order.size(); ++m) order[m] = m;
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return motif_of_[a] < motif_of_[b]; });
    const float* last = nullptr;
    int last_motif = -1;
    for (const std::size_t m : order) {
        float* const row = scores + static_cast<std::int64_t>(m) * stride;
        const int motif = motif_of_[m];
        if (motif < 0) {
            std::fill_n(row, positions.count, 0.0f);
            continue;
        }
        if (last && motif == last_motif) {
            std::copy_n(last, positions.count, row);
        } else {
            const MotifScan& scan = nth(*motifs_, motif);
            // Matches whose middles lie from kMotifReach before the first position on to as far behind the
            // last.
            const std::int64_t before = positions.reach - kMotifReach - scan.width() / 2,
                               middles = positions.count * positions.bin + 2 * kMotifReach;
            const std::vector<float> best = sliding_max(
                scan.scores(positions.codes.subspan(static_cast<std::size_t>(before),
                                                    static_cast<std::size_t>(middles + scan.width() - 1))),
                static_cast<std::size_t>(positions.bin + 2 * kMotifReach));
            for (std::int64_t i = 0; i < positions.count; ++i) row[i] = nth(best, i * positions.bin);
        }
        last = row;
        last_motif = motif;
    }
}

}  // namespace regkit
