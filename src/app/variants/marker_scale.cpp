// A fold is asked for of every base of every marker, and two sigmoids a base would cost as much as the tail
// of the network. A bound that takes no more than the largest change leaves out nearly all; of the others,
// folds are compared by a sigmoid that compilers make vector code of, and the one that is largest is computed
// in double precision. Markers whose map has knots are few, and go one by one.
#include "app/variants/marker_scale.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "app/model/calibrated.hpp"

namespace regkit {
namespace {

constexpr double kSlack = 1 + 1e-5;  // what rounding may take off a bound

double steepest(const LogitMap& map) {
    double most = 1;  // also of the line beyond the knots
    for (std::size_t k = 1; k < map.knots.size(); ++k) {
        const auto &a = map.knots[k - 1], &b = map.knots[k];
        most = std::max(most, (static_cast<double>(b.to) - static_cast<double>(a.to)) /
                                  (static_cast<double>(b.from) - static_cast<double>(a.from)));
    }
    return most * static_cast<double>(map.slope);
}

// exp of x, at most 87 in magnitude, to a few units of the last place: 2^n times a polynomial for the rest.
inline float fast_exp(float x) {
    constexpr float kRounding = 12582912.0f;  // 1.5 * 2^23: adding it leaves a whole number
    constexpr float kLog2 = 1.44269504f, kHigh = 0.693359375f, kLow = -2.12194440e-4f;
    x = x > 87.0f ? 87.0f : x;
    x = x < -87.0f ? -87.0f : x;
    const float shifted = x * kLog2 + kRounding, n = shifted - kRounding;
    const float r = x - n * kHigh - n * kLow;
    const float p =
        1 + r * (1 + r * (1.0f / 2 + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r / 720)))));
    const auto power = (std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(kRounding) + 127)
                       << 23;
    return p * std::bit_cast<float>(power);
}

inline std::int32_t magnitude(
    float value) {  // floats without their sign ascend as integers, NaN is above all
    return std::bit_cast<std::int32_t>(value) & 0x7FFFFFFF;
}

// How much larger the larger of two values is than the other: what folds ascend with.
inline float excess(float ref, float alt, float pseudocount) {
    const float least = ref < alt ? ref : alt;
    return std::fabs(alt - ref) / (least + pseudocount);
}

}  // namespace

std::size_t largest_magnitude(std::span<const float> values) {
    std::int32_t most = 0;
    for (const float value : values) most = std::max(most, magnitude(value));
    std::size_t first = 0;
    while (magnitude(values[first]) != most) ++first;
    return first;
}

MarkerScales::MarkerScales(const Model& model)
    : coverage_(model.spec.task == Task::coverage), calibrated_(!model.calls.empty() && !coverage_) {
    for (const Marker& marker : model.markers)
        pseudocounts_.push_back(marker.prevalence > 0 ? marker.prevalence : kFoldFloor);
    maps_.resize(model.markers.size());
    if (calibrated_)
        for (std::size_t m = 0; m < maps_.size(); ++m) maps_[m] = model.calls[m].probability;
    for (const LogitMap& map : maps_) slopes_.push_back(steepest(map));
}

double MarkerScales::logit(std::size_t marker, float output) const {
    return apply(maps_[marker], static_cast<double>(output));
}

double MarkerScales::value(std::size_t marker, float output) const {
    return coverage_ ? static_cast<double>(output) : probability_of(logit(marker, output));
}

double MarkerScales::log2_fold(std::size_t marker, float ref, float alt) const {
    const double e = pseudocounts_[marker];
    return std::log2((value(marker, alt) + e) / (value(marker, ref) + e));
}

void MarkerScales::changes(std::size_t marker, std::span<const float> ref, std::span<const float> alt,
                           std::span<float> out) const {
    const LogitMap& map = maps_[marker];
    const auto e = static_cast<float>(pseudocounts_[marker]);
    const std::size_t n = out.size();
    if (coverage_) {
        for (std::size_t i = 0; i < n; ++i) out[i] = excess(ref[i], alt[i], e);
    } else if (map.knots.empty()) {
        const float slope = map.slope, intercept = map.intercept;
        const auto value = [=](float x) { return 1 / (1 + fast_exp(-(slope * x + intercept))); };
        for (std::size_t i = 0; i < n; ++i) out[i] = excess(value(ref[i]), value(alt[i]), e);
    } else {
        for (std::size_t i = 0; i < n; ++i)
            out[i] = excess(static_cast<float>(value(marker, ref[i])),
                            static_cast<float>(value(marker, alt[i])), e);
    }
}

// Of outputs that differ by `change` and stand for no more than `value`. The logarithm of p + e has the slope
// p (1 - p) / (p + e) along the logit, which is at most p / (p + e).
double MarkerScales::most_fold(std::size_t marker, double change, double value) const {
    const double e = pseudocounts_[marker];
    if (coverage_) return std::log2(1 + change / e);
    return change * slopes_[marker] * value / (value + e) / std::numbers::ln2;
}

double MarkerScales::larger_fold(std::size_t marker, std::span<const float> ref, std::span<const float> alt,
                                 float change, double least) const {
    const double most_change = static_cast<double>(change) * kSlack;
    if (!(most_fold(marker, most_change, 1) > least)) return least;
    if (!coverage_) {
        float most = ref[0];
        for (std::size_t i = 0; i < ref.size(); ++i) most = std::max({most, ref[i], alt[i]});
        if (!(most_fold(marker, most_change, value(marker, most) * kSlack) > least)) return least;
    }
    std::array<float, kTogether> some;
    const std::span<float> here(some.data(), ref.size());
    changes(marker, ref, alt, here);
    const std::size_t at = largest_magnitude(here);
    return std::max(least, std::fabs(log2_fold(marker, ref[at], alt[at])));
}

}  // namespace regkit
