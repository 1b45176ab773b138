#include "app/evaluate/block_bootstrap.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

constexpr int kReplicates = 40;
constexpr std::int64_t kBin = 1000;  // bases a position: 250 of them are a block

// Positions of two contigs, of which some do not count, in 100 different logits; a marker that follows them,
// more closely in some blocks than in others.
struct World {
    struct Position {
        std::int32_t contig;
        std::int64_t base;
        float logit;
        bool positive, counts;
    };
    std::vector<Position> positions;
    std::vector<ReferenceBlock> blocks;

    World() {
        std::mt19937 random(5);
        for (const auto& [contig, count] : {std::pair(0, 1500), std::pair(3, 900)})
            for (int i = 0; i < count; ++i) {
                // One contig's positions do not begin at a block's: every fourth lies across two.
                const std::int64_t base = i * kBin + (contig == 3 ? 400 : 0);
                const ReferenceBlock block{contig, base / kBootstrapBlock};
                if (blocks.empty() || blocks.back() != block) blocks.push_back(block);
                const int z = static_cast<int>(random() % 100);
                const double noise =
                    static_cast<double>(random() % 1000) / 1000 * (block.number % 3 == 0 ? 400 : 120);
                positions.push_back({contig, base, static_cast<float>(z) / 8 - 9,
                                     z + noise > 150 && noise < 300,
                                     random() % 10 != 0 && !(contig == 0 && i >= 600 && i < 700)});
            }
    }

    // Counted in batches of 700 positions, as rows that several windows share.
    void count(MarkerCounts& counts, BlockBootstrap& bootstrap) const {
        for (std::size_t first = 0; first < positions.size(); first += 700) {
            const std::size_t length = std::min<std::size_t>(700, positions.size() - first);
            std::vector<float> logits;
            std::vector<KeptRun> kept;
            std::vector<LabelRun> labels;
            std::vector<RowPlace> places;
            for (std::size_t i = 0; i < length; ++i) {
                const Position& at = positions[first + i];
                const auto p = static_cast<std::int32_t>(i);
                logits.push_back(at.logit);
                if (at.counts && !kept.empty() && kept.back().end == p)
                    ++kept.back().end;
                else if (at.counts)
                    kept.push_back({p, p + 1});
                if (at.positive) labels.push_back({0, p, p + 1});
                if (i % 50 == 0 || at.contig != positions[first + i - 1].contig)
                    places.push_back({p, at.contig, at.base});
            }
            bootstrap.begin_batch(kept, places, kBin);
            counts.add(logits, static_cast<std::int64_t>(length), kept, labels,
                       [&](const BinnedRow& row) { bootstrap.count(row); });
        }
    }

    // {ROC AUC, average precision, MCC} of all counted positions, each as often as `weights` says of its
    // block.
    std::array<double, 3> ranked(const std::vector<double>& weights) const {
        double n = 0, p = 0;
        std::vector<std::pair<double, double>> at(100);  // all and positive of each logit, the highest first
        for (const Position& position : positions) {
            if (!position.counts) continue;
            const ReferenceBlock block{position.contig, position.base / kBootstrapBlock};
            const double weight = weights[static_cast<std::size_t>(
                std::find(blocks.begin(), blocks.end(), block) - blocks.begin())];
            auto& [all, positive] = at[static_cast<std::size_t>(99 - std::lround((position.logit + 9) * 8))];
            all += weight;
            positive += position.positive ? weight : 0;
            n += weight;
            p += position.positive ? weight : 0;
        }
        double called = 0, hits = 0, pairs = 0, average = 0, best = 0;
        for (const auto& [all, positive] : at) {
            pairs +=
                positive * (n - p - (called - hits) - (all - positive)) + positive * (all - positive) / 2;
            called += all;
            hits += positive;
            if (called > 0) average += positive / p * hits / called;
            const double both = std::sqrt(called * (n - called)) * std::sqrt(p * (n - p));
            if (both > 0) best = std::max(best, (hits * n - called * p) / both);
        }
        return {pairs / (p * (n - p)), average, best};
    }
};

}  // namespace

TEST_CASE("block bootstrap: draws are as many as blocks, and the same for a seed") {
    const World world;
    REQUIRE(world.blocks.size() == 10);
    const BlockSamples samples(world.blocks, kReplicates, 7), same(world.blocks, kReplicates, 7),
        other(world.blocks, kReplicates, 8);
    int differing = 0;
    for (int r = 0; r <= kReplicates; ++r) {
        float sum = 0;
        for (std::size_t b = 0; b < world.blocks.size(); ++b) {
            const auto at = static_cast<std::size_t>(r);
            sum += samples.weights(b)[at];
            CHECK(samples.weights(b)[at] == same.weights(b)[at]);
            differing += samples.weights(b)[at] != other.weights(b)[at];
        }
        CHECK(sum == 10);
    }
    CHECK(differing > 100);
    CHECK(samples.weights(3).back() == 1);
    CHECK(samples.block_of(3, 250'000) == 7);
}

TEST_CASE("block bootstrap: intervals are those of plain sums over the drawn blocks") {
    const World world;
    ThreadPool pool(2);
    const BlockSamples samples(world.blocks, kReplicates, 7);
    const std::vector<Marker> markers{{"a", "X", "", "", 0}};
    const auto intervals = [&](int sets) {
        MarkerCounts counts(1, pool);
        BlockBootstrap bootstrap(1, samples, sets, pool);
        world.count(counts, bootstrap);
        std::vector<MarkerMetrics> metrics = counts.all_metrics();
        std::vector<ClassMean> classes = class_means(markers, metrics);
        bootstrap.add_intervals(markers, metrics, classes);
        CHECK(classes[0].mean.intervals.mcc.low == metrics[0].intervals.mcc.low);
        CHECK(classes[0].median.intervals.mcc.high == metrics[0].intervals.mcc.high);
        const RankingIntervals& i = metrics[0].intervals;
        return std::array{i.roc_auc, i.average_precision, i.mcc};
    };
    std::array<std::vector<double>, 3> values;
    for (int r = 0; r < kReplicates; ++r) {
        std::vector<double> weights;
        for (std::size_t b = 0; b < world.blocks.size(); ++b)
            weights.push_back(static_cast<double>(samples.weights(b)[static_cast<std::size_t>(r)]));
        const auto ranked = world.ranked(weights);
        for (std::size_t k = 0; k < 3; ++k) values[k].push_back(ranked[k]);
    }
    // 1,024, 64 and 16 bins.
    const auto fine = intervals(1), coarse = intervals(20000), coarsest = intervals(80000);
    for (std::size_t k = 0; k < 3; ++k) {
        std::sort(values[k].begin(), values[k].end());
        // The 2.5 % point of 40 values lies at place 0.975, the 97.5 % point at 38.025.
        const double low = values[k][0] + 0.975 * (values[k][1] - values[k][0]);
        const double high = values[k][38] + 0.025 * (values[k][39] - values[k][38]);
        CHECK(fine[k].low == doctest::Approx(low).epsilon(1e-6));
        CHECK(fine[k].high == doctest::Approx(high).epsilon(1e-6));
        REQUIRE(high - low > 0.05);
        for (const auto& [rough, share] : {std::pair(coarse, 0.05), std::pair(coarsest, 0.2)}) {
            CHECK(std::fabs(rough[k].low - low) < share * (high - low));
            CHECK(std::fabs(rough[k].high - high) < share * (high - low));
        }
        CHECK(coarsest[k].low != fine[k].low);
    }
}

TEST_CASE("block bootstrap: what has no interval, and what does not fit the memory") {
    ThreadPool pool(1);
    const World world;
    const std::vector<Marker> markers{{"a", "X", "", "", 0}};
    MarkerCounts counts(1, pool);
    const BlockSamples one({{0, 0}}, kReplicates, 1);
    BlockBootstrap bootstrap(1, one, 1, pool);
    const std::vector<KeptRun> kept{{0, 4}};
    const std::vector<RowPlace> places{{0, 0, 0}};
    bootstrap.begin_batch(kept, places, kBin);
    counts.add(std::vector<float>{1, 2, 3, 4}, 4, kept, std::vector<LabelRun>{{0, 1, 2}},
               [&](const BinnedRow& row) { bootstrap.count(row); });
    std::vector<MarkerMetrics> metrics = counts.all_metrics();
    std::vector<ClassMean> classes = class_means(markers, metrics);
    bootstrap.add_intervals(markers, metrics, classes);
    CHECK(std::isnan(metrics[0].intervals.roc_auc.low));  // a block alone does not vary
    const BlockSamples samples(world.blocks, 200, 1);
    CHECK_NOTHROW(BlockBootstrap(919, samples, 1, pool));
    CHECK_THROWS_AS(BlockBootstrap(12000, samples, 1, pool), Error);
}
