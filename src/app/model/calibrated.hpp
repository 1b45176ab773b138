// A calibrated model's own output, made the calibrated probability. The line of each marker's LogitMap is
// folded into the weights that give its logit, so that it costs nothing and every output of the model
// (values, 8-bit codes, runs over a cutoff) has it. Knots do not fold: they are applied to the values of the
// few markers that have any, and cutoffs go the other way.
#pragma once

#include <span>

#include "app/model/marker_calls.hpp"
#include "app/model/model.hpp"

namespace regkit {

// The calibrated logit, and back. Infinite where `logit` is, NaN where it is.
double apply(const LogitMap& map, double logit);
double inverse(const LogitMap& map, double logit);

// log(p / (1 - p)) and back; infinite at 0 and 1.
double logit_of(double probability);
double probability_of(double logit);

// The model with weights and biases that give line(logit) where they gave logit, of what it predicts: its
// last head. The maps that are left in `calls` are knots alone. Nothing changes where it is not calibrated.
Model calibrated(Model model);

// The rest of the map, of what a model that `calibrated` gave predicts: probabilities, as it has them in 32
// bits.
class KnotMaps {
  public:
    KnotMaps() = default;  // changes nothing
    explicit KnotMaps(std::span<const MarkerCalls> calls);
    bool any() const { return any_; }
    // In place, of the marker's values.
    void apply(int marker, std::span<float> probabilities) const;
    void apply_logits(int marker, std::span<float> logits) const;
    // The probability of the model from which on the calibrated one is at least this; infinity stays.
    float before(int marker, float probability) const;

  private:
    std::vector<LogitMap> maps_;
    bool any_ = false;
};

}  // namespace regkit
