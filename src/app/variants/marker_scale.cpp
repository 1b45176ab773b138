// Folds are looked for at every base of every marker, so they are compared by a sigmoid that compilers make
// vector code of, some of them side by side; the one that is largest is then computed in double precision.
// Markers whose map has knots are few, and go one by one.
#include "app/variants/marker_scale.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "app/model/calibrated.hpp"

namespace regkit {
namespace {

constexpr std::size_t kTogether = 256;

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
}

double MarkerScales::logit(std::size_t marker, float output) const {
    return apply(maps_[marker], static_cast<double>(output));
}

double MarkerScales::value(std::size_t marker, float output) const {
    return coverage_ ? static_cast<double>(output) : probability_of(logit(marker, output));
}

double MarkerScales::fold(std::size_t marker, float ref, float alt) const {
    const double e = pseudocounts_[marker];
    return std::fabs(std::log2((value(marker, alt) + e) / (value(marker, ref) + e)));
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

double MarkerScales::largest_fold(std::size_t marker, std::span<const float> ref,
                                  std::span<const float> alt) const {
    double most = 0;
    float most_excess = -1;
    std::array<float, kTogether> some;
    for (std::size_t begin = 0; begin < ref.size(); begin += kTogether) {
        const std::size_t count = std::min(kTogether, ref.size() - begin);
        const std::span<float> here(some.data(), count);
        changes(marker, ref.subspan(begin, count), alt.subspan(begin, count), here);
        const std::size_t at = largest_magnitude(here);
        if (some[at] <= most_excess) continue;
        most_excess = some[at];
        most = fold(marker, ref[begin + at], alt[begin + at]);
    }
    return most;
}

}  // namespace regkit
