// Which windows of a genome belong to train, valid and test.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/dataset/build_dataset.hpp"
#include "base/region.hpp"
#include "io/dataset/dataset.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

enum class Assignment : std::uint8_t { train, valid, test, straddling, unassigned };

// Splits by named regions.
class RegionSplit {
  public:
    // Error(usage) for texts that are no regions, and when regions of two splits overlap or lie outside their
    // contig; Error(mismatch) for a contig unknown.
    RegionSplit(const BuildDatasetParameters& parameters, const FastaFile& fasta);
    const std::vector<Region>& regions(Split split) const { return nth(regions_, split); }
    Assignment of(std::int32_t contig, std::int64_t begin, std::int64_t end) const;

  private:
    struct Piece {
        std::int64_t begin, end;
        Split split;
    };
    std::array<std::vector<Region>, 3> regions_;  // as given, by split
    std::vector<std::vector<Piece>> pieces_;      // per contig, sorted and disjoint
    bool rest_is_train_ = true;
};

struct RandomSplit {
    double train = 0, valid = 0, test = 0;
};
// "random:0.8,0.1,0.1". Error(usage) unless these are three fractions with the sum 1.
RandomSplit parse_random_split(const std::string& text);

// Deals windows (sorted; all of `split` train on entry) into splits: blocks of `block` bases of a contig (0:
// each window for itself) in an order that is a hash of seed, contig name and block number, the first into
// train until it has its fraction of windows, then valid, then test. Windows in blocks of two splits are
// removed; returns how many.
std::int64_t split_at_random(const RandomSplit& fractions, std::int64_t block, std::uint64_t seed,
                             std::int64_t window, const std::vector<Contig>& contigs,
                             std::vector<DatasetWindow>& windows);

}  // namespace regkit
