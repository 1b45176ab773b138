// Where the same target is found in other cells: no prediction from sequence, and often hard to better.
#pragma once

#include <vector>

#include "app/evaluate/baselines/baseline.hpp"

namespace regkit {

// For each of `markers` the numbers of the data set's markers of its target and class in other cells; none
// where the target or the cell is not known.
std::vector<std::vector<int>> same_target_elsewhere(const std::vector<Marker>& markers,
                                                    const Dataset& dataset);

// The share of these markers that are present.
class OtherCellsBaseline final : public Baseline {
  public:
    // `dataset` must outlive it.
    OtherCellsBaseline(const Dataset& dataset, std::vector<std::vector<int>> others)
        : dataset_(dataset), others_(std::move(others)) {}
    std::int64_t reach() const override { return 0; }
    void score(const ScoredPositions& positions, float* scores, std::int64_t stride) const override;

  private:
    const Dataset& dataset_;
    std::vector<std::vector<int>> others_;
};

}  // namespace regkit
