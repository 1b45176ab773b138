// Counting a position is one more increment, in a histogram of its block that fits the nearest cache. At the
// end of a block each of its bins that is not empty is added to the same bin of all replicates, times their
// numbers of draws, side by side, as vector code; positions are many more than bins, so that replicates cost
// little. The metrics, too, follow from one walk over the bins for all replicates at once.
//
// Replicates count in floats: whole numbers up to 2^24 are exact, and a larger sum is off by 1e-7 of itself,
// far below what it varies. Where a marker's bins lie follows from the first positions of it, so that there
// are many where its logits are. What coarse bins change in a metric is the same in the sample as it is,
// whose metrics are also known finely: the difference moves the interval.
#include "app/evaluate/block_bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "app/evaluate/class_values.hpp"
#include "base/splitmix.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr int kFewestBins = 16;
// Bins are told by groups of neighbouring cells of the grid.
constexpr int kGroupBits = 1;
constexpr int kGroups = kLogitBins >> kGroupBits;
constexpr double kTail = 0.025;  // beyond either end of an interval

// As numpy.quantile: linear between the values that are next to it.
double quantile(const std::vector<double>& sorted, double share) {
    const double at = share * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (sorted[above] - sorted[below]) * (at - static_cast<double>(below));
}

// `values` of the replicates and, last, of the sample as it is, whose value is `exact` in truth. Not known
// where half of the replicates have none.
ConfidenceInterval interval_of(std::vector<double> values, double exact) {
    const double coarse = values.back();
    values.pop_back();
    const std::size_t all = values.size();
    std::erase_if(values, [](double v) { return std::isnan(v); });
    if (std::isnan(exact) || std::isnan(coarse) || 2 * values.size() <= all) return {};
    std::sort(values.begin(), values.end());
    const auto place = [&](double share) {
        return std::clamp(quantile(values, share) + exact - coarse, 0.0, 1.0);
    };
    return {place(kTail), place(1 - kTail)};
}

// The metrics that have intervals.
struct Ranked {
    double MarkerMetrics::*exact;
    ConfidenceInterval RankingIntervals::*interval;
};
constexpr Ranked kRanked[] = {{&MarkerMetrics::roc_auc, &RankingIntervals::roc_auc},
                              {&MarkerMetrics::average_precision, &RankingIntervals::average_precision},
                              {&MarkerMetrics::mcc, &RankingIntervals::mcc}};
constexpr std::size_t kMetrics = std::size(kRanked);

}  // namespace

std::vector<ReferenceBlock> blocks_of(const Dataset& dataset, std::span<const std::int64_t> windows) {
    const LabelLayout& layout = dataset.layout();
    std::vector<ReferenceBlock> blocks;
    for (const std::int64_t index : windows) {
        const DatasetWindow& window = nth(dataset.windows(), index);
        const std::int64_t begin = window.begin + layout.offset, end = begin + layout.span();
        for (std::int64_t b = begin / kBootstrapBlock; b * kBootstrapBlock < end; ++b)
            blocks.push_back({window.contig, b});
    }
    std::sort(blocks.begin(), blocks.end());
    blocks.erase(std::unique(blocks.begin(), blocks.end()), blocks.end());
    return blocks;
}

BlockSamples::BlockSamples(std::vector<ReferenceBlock> blocks, int replicates, std::uint64_t seed)
    : replicates_(replicates), blocks_(std::move(blocks)) {
    const std::size_t columns = static_cast<std::size_t>(replicates) + 1, all = blocks_.size();
    weights_.resize(all * columns);
    std::uint64_t state = seed;
    for (std::size_t r = 0; r + 1 < columns; ++r)
        for (std::size_t i = 0; i < all; ++i, state += kSplitMixStep)
            ++weights_[static_cast<std::size_t>((splitmix(state) >> 32) * all >> 32) * columns + r];
    for (std::size_t block = 0; block < all; ++block) weights_[(block + 1) * columns - 1] = 1;
}

std::size_t BlockSamples::block_of(std::int32_t contig, std::int64_t base) const {
    const ReferenceBlock wanted{contig, base / kBootstrapBlock};
    const auto found = std::lower_bound(blocks_.begin(), blocks_.end(), wanted);
    return static_cast<std::size_t>(found - blocks_.begin());
}

std::span<const float> BlockSamples::weights(std::size_t block) const {
    const std::size_t columns = static_cast<std::size_t>(replicates_) + 1;
    return std::span(weights_).subspan(block * columns, columns);
}

BlockBootstrap::BlockBootstrap(int markers, const BlockSamples& samples, int sets, ThreadPool& pool)
    : samples_(samples),
      pool_(pool),
      columns_(static_cast<std::size_t>(samples.replicates()) + 1),
      open_(static_cast<std::size_t>(markers), kNoBlock) {
    const std::int64_t budget =
        kBootstrapBytes - samples.blocks() * static_cast<std::int64_t>(columns_ * sizeof(float));
    const auto bytes = [&] {
        return std::int64_t{markers} * sets * bins_ * 2 *
                   static_cast<std::int64_t>(columns_ * sizeof(float) + sizeof(std::uint32_t)) +
               std::int64_t{markers} * kGroups * static_cast<std::int64_t>(sizeof(std::uint16_t));
    };
    while (bins_ > kFewestBins && bytes() > budget) bins_ /= 2;
    require(bytes() <= budget, ErrorKind::usage,
            "--bootstrap " + std::to_string(samples.replicates()) + ": with " + std::to_string(markers) +
                " markers" + (sets > 1 ? " in " + std::to_string(sets - 1) + " annotations" : "") +
                " it would need more than " + std::to_string(kBootstrapBytes >> 20) +
                " MiB; use fewer replicates, 0 for none, or choose markers with -k");
    bin_of_ = std::make_shared<std::vector<std::uint16_t>>(static_cast<std::size_t>(markers) * kGroups);
    const std::size_t cells = static_cast<std::size_t>(markers) * 2 * static_cast<std::size_t>(bins_);
    block_.resize(cells);
    replicates_.resize(cells * columns_);
}

BlockBootstrap BlockBootstrap::of_some() const {
    BlockBootstrap some = *this;
    some.places_bins_ = false;
    return some;
}

void BlockBootstrap::begin_batch(std::span<const KeptRun> kept, std::span<const RowPlace> places,
                                 std::int64_t bin) {
    pieces_.clear();
    each_placed_run(kept, places, bin, [&](const KeptRun& run, std::int32_t contig, std::int64_t base) {
        for (std::int32_t at = run.begin; at < run.end;) {
            // A position belongs to the block of its first base.
            const std::int64_t left = kBootstrapBlock - base % kBootstrapBlock;
            const std::int64_t here = std::min<std::int64_t>((left + bin - 1) / bin, run.end - at);
            const std::int32_t end = at + static_cast<std::int32_t>(here);
            const std::size_t block = samples_.block_of(contig, base);
            if (!pieces_.empty() && pieces_.back().block == block && pieces_.back().end == at)
                pieces_.back().end = end;
            else
                pieces_.push_back({block, at, end});
            at = end;
            base += here * bin;
        }
    });
}

void BlockBootstrap::count(const BinnedRow& row) {
    const auto marker = static_cast<std::size_t>(row.marker), bins = static_cast<std::size_t>(bins_);
    std::uint32_t* const all = block_.data() + marker * 2 * bins;
    std::uint32_t* const positive = all + bins;
    const std::uint16_t* const bin_of = bin_of_->data() + marker * kGroups;
    if (places_bins_ && !pieces_.empty() && open_[marker] == kNoBlock) place_bins(row);
    auto label = row.labels.begin();
    for (const Piece& piece : pieces_) {
        if (piece.block != open_[marker]) flush(marker);
        open_[marker] = piece.block;
        for (std::int32_t i = piece.begin; i < piece.end; ++i) ++all[bin_of[nth(row.bins, i) >> kGroupBits]];
        while (label != row.labels.end() && label->end <= piece.begin) ++label;
        for (auto l = label; l != row.labels.end() && l->begin < piece.end; ++l)
            for (std::int32_t i = std::max(l->begin, piece.begin); i < std::min(l->end, piece.end); ++i)
                ++positive[bin_of[nth(row.bins, i) >> kGroupBits]];
    }
}

// A bin holds at most so much of three things together: of the positions, of their ranks from the top on a
// logarithmic scale, by which precision goes, and of the cells of the grid, for what comes later.
void BlockBootstrap::place_bins(const BinnedRow& row) {
    constexpr double kOfPositions = 0.4, kOfRanks = 0.3;
    std::vector<std::uint32_t> counts(kGroups);
    double positions = 0;
    for (const Piece& piece : pieces_) {
        for (std::int32_t i = piece.begin; i < piece.end; ++i) ++counts[nth(row.bins, i) >> kGroupBits];
        positions += piece.end - piece.begin;
    }
    std::uint16_t* const bin_of = bin_of_->data() + static_cast<std::size_t>(row.marker) * kGroups;
    double above = 0;  // positions in higher groups
    for (int group = kGroups - 1; group >= 0; --group) {
        const double share = kOfPositions * above / positions +
                             kOfRanks * std::log1p(above) / std::log1p(positions) +
                             (1 - kOfPositions - kOfRanks) * (kGroups - 1 - group) / kGroups;
        bin_of[group] = static_cast<std::uint16_t>(std::max(bins_ - 1 - static_cast<int>(share * bins_), 0));
        above += nth(counts, group);
    }
}

void BlockBootstrap::flush(std::size_t marker) {
    if (open_[marker] == kNoBlock) return;
    const float* const weights = samples_.weights(open_[marker]).data();
    const std::size_t cells = 2 * static_cast<std::size_t>(bins_);
    for (std::size_t cell = marker * cells; cell < (marker + 1) * cells; ++cell) {
        if (block_[cell] == 0) continue;
        const auto count = static_cast<float>(block_[cell]);
        float* const sums = replicates_.data() + cell * columns_;
        for (std::size_t r = 0; r < columns_; ++r) sums[r] += weights[r] * count;
        block_[cell] = 0;
    }
}

struct BlockBootstrap::Values {
    std::vector<double> of[kMetrics];  // [marker][column]
};

BlockBootstrap::Values BlockBootstrap::values() {
    const std::size_t markers = open_.size(), bins = static_cast<std::size_t>(bins_), columns = columns_;
    Values result;
    for (auto& values : result.of) values.resize(markers * columns);
    pool_.run(static_cast<std::int64_t>(markers), [&](std::int64_t number, int) {
        const auto marker = static_cast<std::size_t>(number);
        flush(marker);
        open_[marker] = kNoBlock;
        const float* const all = replicates_.data() + marker * 2 * bins * columns;
        const float* const positive = all + bins * columns;
        std::vector<double> n(columns), p(columns), called(columns), hits(columns), area(columns),
            precision(columns), best(columns);
        for (std::size_t cell = 0; cell < bins; ++cell)
            for (std::size_t r = 0; r < columns; ++r) {
                n[r] += static_cast<double>(all[cell * columns + r]);
                p[r] += static_cast<double>(positive[cell * columns + r]);
            }
        // As MarkerCounts::metrics, of all columns side by side; without branches, and no 0 / 0.
        for (std::size_t cell = bins; cell-- > 0;)
            for (std::size_t r = 0; r < columns; ++r) {
                const auto here = static_cast<double>(all[cell * columns + r]);
                const auto gained = static_cast<double>(positive[cell * columns + r]);
                area[r] += (here - gained) * (hits[r] + gained / 2);
                called[r] += here;
                hits[r] += gained;
                precision[r] += gained * hits[r] / std::max(called[r], 1.0);
                const double covariance = std::max(hits[r] * n[r] - called[r] * p[r], 0.0);
                best[r] = std::max(best[r],
                                   covariance * covariance / std::max(called[r] * (n[r] - called[r]), 1.0));
            }
        for (std::size_t r = 0; r < columns; ++r) {
            const bool defined = p[r] > 0 && p[r] < n[r];
            const double negatives = n[r] - p[r], none = std::nan("");
            result.of[0][marker * columns + r] = defined ? area[r] / (p[r] * negatives) : none;
            result.of[1][marker * columns + r] = defined ? precision[r] / p[r] : none;
            result.of[2][marker * columns + r] = defined ? std::sqrt(best[r] / (p[r] * negatives)) : none;
        }
    });
    return result;
}

void BlockBootstrap::add_intervals(const std::vector<Marker>& markers, std::vector<MarkerMetrics>& metrics,
                                   std::vector<ClassMean>& classes) {
    if (samples_.blocks() < 2) return;
    const Values all = values();
    const std::vector<MarkerClass> of = classes_of(markers);
    for (std::size_t k = 0; k < kMetrics; ++k) {
        const std::vector<double>& values = all.of[k];
        const auto [exact, interval] = kRanked[k];
        for (std::size_t m = 0; m < metrics.size(); ++m) {
            const auto begin = values.begin() + static_cast<std::ptrdiff_t>(m * columns_);
            if (metrics[m].scored)
                metrics[m].intervals.*interval =
                    interval_of({begin, begin + static_cast<std::ptrdiff_t>(columns_)}, metrics[m].*exact);
        }
        for (std::size_t c = 0; c < of.size(); ++c) {
            if (classes[c].scored == 0) continue;
            std::vector<double> means, medians;
            for (std::size_t r = 0; r < columns_; ++r) {
                std::vector<double> known;
                for (const std::size_t m : of[c].markers)
                    if (metrics[m].scored && !std::isnan(values[m * columns_ + r]))
                        known.push_back(values[m * columns_ + r]);
                means.push_back(mean_of(known));
                medians.push_back(median_of(known));
            }
            classes[c].mean.intervals.*interval = interval_of(means, classes[c].mean.*exact);
            classes[c].median.intervals.*interval = interval_of(medians, classes[c].median.*exact);
        }
    }
}

}  // namespace regkit
