// What regtrain and `regeval --calibrate` learn of a model on validation windows, so that its output can be
// believed: how a marker's logit becomes a probability, and from which logits on its sites are called.
//
// A site is a run of cells at or above the extension cutoff, joined to its neighbours over gaps, of a least
// length, whose best cell is at or above the seed cutoff. All cutoffs are calibrated logits: log(p / (1 - p))
// of the calibrated probability p.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace regkit {

// calibrated logit = slope * logit + intercept (Platt 1999), slope > 0; then, where there are knots (isotonic
// regression), linear between them, and beyond the first and the last as far off as there. Strictly
// increasing.
struct LogitMap {
    struct Knot {
        float from = 0, to = 0;
    };
    float slope = 1, intercept = 0;
    std::vector<Knot> knots;  // both ascend; none: the line alone
};

// Sites whose best cell is at or above `seed`, and what they were on the validation windows.
struct SiteCutoff {
    // Above every logit: at this level the marker has fewer than 20 calls, and none is made.
    static constexpr float kNone = std::numeric_limits<float>::infinity();

    float seed = kNone;
    float precision = 0, recall = 0;  // of sites, cross-fitted; NaN where nothing was called or labelled
    std::int64_t calls = 0;
};

struct MarkerCalls {
    // False discovery rates, 1 - precision, that cutoffs are stored for.
    static constexpr std::array<double, 3> kLevels{0.05, 0.1, 0.2};

    LogitMap probability;
    float extension = 0;
    std::int64_t merge_gap = 0, min_length = 1;  // bases
    SiteCutoff f1;                               // where the sites' F1 is largest
    std::array<SiteCutoff, kLevels.size()> at;   // of kLevels
    // The false discovery rate of all sites whose best cell is at or above a logit: `seed` ascends, `rate`
    // does not. Below the first seed: 1. At most 64.
    struct Rate {
        float seed = 0, rate = 0;
    };
    std::vector<Rate> rates;
};

// As a model's file has them (regkit-model(5)): a JSON list, one object a marker.
std::string calls_text(const std::vector<MarkerCalls>& calls);
// The same, read and checked: Error(input) that begins with `where` and names the marker's number and what is
// wrong with it.
std::vector<MarkerCalls> parse_calls(const std::string& text, std::size_t markers, const std::string& where);

}  // namespace regkit
