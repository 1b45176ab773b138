// Whether probabilities mean what they say: of positions given .3, is the marker present at three of ten?
#pragma once

#include <cstdint>
#include <functional>
#include <limits>

namespace regkit {

// Positions whose logits are nearly the same, and those of them at which the marker is present.
struct LogitCell {
    double logit = 0;
    double positions = 0, positives = 0;
};
// Calls back with every cell that is not empty, logits ascending; the same ones each time.
using EachCell = std::function<void(const std::function<void(const LogitCell&)>&)>;

// NaN where a value is not defined.
struct Calibration {
    static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

    // Of the logistic regression of presence on the logit by maximum likelihood (Cox 1958): 1 and 0 where the
    // probabilities are right; a slope below 1 where they are too far apart. Not defined where all logits are
    // alike or separate what is present from what is not.
    double slope = kNone, intercept = kNone;
    // Of the positions whose probability is above the prevalence, in kCalibrationBins bins of equally many
    // positions: the mean over positions of |observed rate - mean probability| of their bin. Cells are not
    // split between bins.
    double error = kNone;
    // What the same positions' error were if each had the prevalence for its probability.
    double error_of_constant = kNone;
};
inline constexpr int kCalibrationBins = 10;

Calibration calibration_of(const EachCell& each_cell);

}  // namespace regkit
