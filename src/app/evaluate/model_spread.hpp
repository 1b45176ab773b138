// How far the models of an ensemble are apart, on the average of the positions that count.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "io/dataset/dataset.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

struct KeptRun;

// Means of the spread (mean_of_models); NaN of one model, and where there are no such positions.
struct ModelSpread {
    static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    double everywhere = kNone, at_positives = kNone;
};

class SpreadSums {
  public:
    // `pool` must outlive it; results do not depend on its size.
    SpreadSums(int markers, ThreadPool& pool);

    // Spreads [markers][length] of output positions, with those that count and labels as MarkerCounts::add
    // takes them.
    void add(std::span<const float> spreads, std::int64_t length, std::span<const KeptRun> kept,
             std::span<const LabelRun> labels);
    ModelSpread of(int marker) const;

  private:
    struct Sums {
        double all = 0, positives = 0;
        std::int64_t positions = 0, labelled = 0;
    };
    ThreadPool& pool_;
    std::vector<Sums> sums_;
};

}  // namespace regkit
