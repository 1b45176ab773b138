// 95 % intervals of ranking metrics by a bootstrap of blocks: neighbouring positions are alike, so what is
// drawn again is not positions but blocks of 250,000 bases of the reference, with all that is counted in them
// (Künsch 1989). The draws are made before the positions are seen, and one pass counts into all replicates at
// once: each block's histogram of logits is added to those of the replicates, as often as they drew the
// block. So memory depends neither on positions nor on blocks; it is held to kBootstrapBytes by the
// histograms' resolution.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "app/evaluate/confidence_interval.hpp"
#include "app/evaluate/metrics.hpp"
#include "app/evaluate/scoring.hpp"
#include "base/marker.hpp"
#include "io/dataset/dataset.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

inline constexpr std::int64_t kBootstrapBlock = 250'000;
inline constexpr std::int64_t kBootstrapBytes = std::int64_t{512} << 20;
inline constexpr int kBootstrapBins = 1024;  // of a histogram, at most
inline constexpr int kMostReplicates = 1000;

// Bases [number * kBootstrapBlock, (number + 1) * kBootstrapBlock) of one of a data set's contigs.
struct ReferenceBlock {
    std::int32_t contig = 0;
    std::int64_t number = 0;
    auto operator<=>(const ReferenceBlock&) const = default;
};
// Those in which the windows' outputs lie, ascending.
std::vector<ReferenceBlock> blocks_of(const Dataset& dataset, std::span<const std::int64_t> windows);

// Which blocks each replicate draws: as many as there are, with replacement. Draw i of replicate r is block
// (h * blocks) >> 32, where h is the upper half of output r * blocks + i of SplitMix64 (base/splitmix.hpp).
class BlockSamples {
  public:
    BlockSamples(std::vector<ReferenceBlock> blocks, int replicates, std::uint64_t seed);

    int replicates() const { return replicates_; }
    std::int64_t blocks() const { return static_cast<std::int64_t>(blocks_.size()); }
    std::size_t block_of(std::int32_t contig, std::int64_t base) const;
    // How often each replicate has a block, and behind them a 1: the sample as it is.
    std::span<const float> weights(std::size_t block) const;

  private:
    int replicates_;
    std::vector<ReferenceBlock> blocks_;
    std::vector<float> weights_;  // [block][replicate, and 1]
};

class BlockBootstrap {
  public:
    // Both must outlive it. `sets`: how many bootstraps share the memory. Error(usage) where it does not
    // suffice.
    BlockBootstrap(int markers, const BlockSamples& samples, int sets, ThreadPool& pool);
    // Before anything is counted: another one of the same draws and bins, for some of the positions; every
    // batch is counted here first.
    BlockBootstrap of_some() const;

    // Before the rows of a batch: which positions count and where they lie, those of a block together;
    // `bin`: bases a position.
    void begin_batch(std::span<const KeptRun> kept, std::span<const RowPlace> places, std::int64_t bin);
    // Of each marker once; on any thread.
    void count(const BinnedRow& row);
    // After the last batch: the intervals of markers, and of the means and medians of their classes. A marker
    // that a replicate leaves without positives or negatives is left out of this one.
    void add_intervals(const std::vector<Marker>& markers, std::vector<MarkerMetrics>& metrics,
                       std::vector<ClassMean>& classes);

  private:
    static constexpr std::size_t kNoBlock = SIZE_MAX;
    struct Piece {
        std::size_t block;
        std::int32_t begin, end;
    };
    struct Values;  // of all markers in all replicates
    void place_bins(const BinnedRow& row);
    void flush(std::size_t marker);
    Values values();

    const BlockSamples& samples_;
    ThreadPool& pool_;
    int bins_ = kBootstrapBins;
    std::size_t columns_;  // replicates, and the sample as it is
    // [marker][group of cells of the grid], monotone; shared with those of some of the positions.
    std::shared_ptr<std::vector<std::uint16_t>> bin_of_;
    bool places_bins_ = true;
    std::vector<Piece> pieces_;         // of the batch
    std::vector<std::size_t> open_;     // of each marker: the block that is being counted
    std::vector<std::uint32_t> block_;  // [marker][all, positive][bin], of that block
    std::vector<float> replicates_;     // [marker][all, positive][bin][column]
};

}  // namespace regkit
