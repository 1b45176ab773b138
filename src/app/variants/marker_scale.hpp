// What the outputs that alleles are compared by mean: a marker's logit stands for a calibrated probability,
// its coverage for itself.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "app/model/model.hpp"

namespace regkit {

class MarkerScales {
  public:
    explicit MarkerScales(const Model& model);

    bool coverage() const { return coverage_; }
    bool calibrated() const { return calibrated_; }
    // Of a marker's output: the calibrated logit (without calibration the output itself), and the probability
    // that it stands for. A model of coverage has values alone, its outputs.
    double logit(std::size_t marker, float output) const;
    double value(std::size_t marker, float output) const;
    // What keeps ratios of small values from being large: the marker's prevalence in training (of coverage
    // the mean), or kFoldFloor where the model knows of none.
    double pseudocount(std::size_t marker) const { return pseudocounts_[marker]; }
    // The largest |log2((alt + e) / (ref + e))| of values that lie side by side, e being the pseudocount, or
    // `least` where none is larger; `change` is the largest |alt - ref| of the outputs. At most kTogether.
    double larger_fold(std::size_t marker, std::span<const float> ref, std::span<const float> alt,
                       float change, double least) const;

    // log2((alt + e) / (ref + e)) of two.
    double log2_fold(std::size_t marker, float ref, float alt) const;

    static constexpr double kFoldFloor = 1e-6;
    static constexpr std::size_t kTogether = 256;

  private:
    void changes(std::size_t marker, std::span<const float> ref, std::span<const float> alt,
                 std::span<float> out) const;

    double most_fold(std::size_t marker, double change, double value) const;

    bool coverage_, calibrated_;
    std::vector<LogitMap> maps_;
    std::vector<double> slopes_, pseudocounts_;  // slopes: the steepest of a map
};

// The index of the first of the values largest in magnitude, one that is no number before all others; there
// is at least one.
std::size_t largest_magnitude(std::span<const float> values);

}  // namespace regkit
