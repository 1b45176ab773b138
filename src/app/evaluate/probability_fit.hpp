// From logits to probabilities that mean what they say: Platt's line for every marker (Platt 1999), drawn to
// its class, or a monotone curve where that is better.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "app/model/marker_calls.hpp"

namespace regkit {

// Of each code (kernels/sinks.hpp) the positions and those of them at which the marker is present, for the
// two halves of what is cross-fitted.
struct CodeCounts {
    struct Half {
        std::array<std::uint64_t, 256> all{}, positive{};
    };
    std::array<Half, 2> halves;
    // Cells of a label on average: neighbours are no independent observations, and the spread of estimates is
    // that of so many fewer. At least 1.
    double label_cells = 1;
};

// A map for each marker of a class. Lines are shrunk towards their mean as far as they differ by no more than
// chance would have it (DerSimonian & Laird 1986, in slope and intercept at the class's mean logit). A marker
// whose line is not defined, having no positives, gets the class's mean, and the identity where no marker of
// the class has one. Slopes are at least kLeastSlope. A marker gets a curve where the log loss of both
// halves, each with what was fitted on the other, is lower by kCurveGain of the line's.
inline constexpr double kLeastSlope = 0.01, kCurveGain = 0.002;
inline constexpr std::size_t kMostKnots = 64;
std::vector<LogitMap> fit_probabilities(const std::vector<CodeCounts>& markers);

}  // namespace regkit
