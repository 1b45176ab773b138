// A marker's probabilities may all be small, or all near 1, so its scores are spread over its own sites, on
// the logit, by numbers that are known before the first site is: output leaves as it comes.
#include "app/call/site_score.hpp"

#include <algorithm>
#include <cmath>

#include "app/model/calibrated.hpp"

namespace regkit {

SiteScore::SiteScore(const MarkerCalls& calls, double seed)
    : calibrated_(true), low_(std::clamp(seed, kLeastSeed, kMostSeed)), high_(low_ + kLeastRange) {
    if (calls.rates.empty()) return;
    high_ = std::max(high_, static_cast<double>(calls.rates.back().seed));
    if (calls.f1.calls <= 0) return;
    rates_ = calls.rates;
    least_rate_ = 1 / static_cast<double>(calls.f1.calls);
}

int SiteScore::score(float best) const {
    const double p = best;
    if (!calibrated_) return static_cast<int>(std::lround(std::min(1000.0, 1000 * p)));
    const double share = std::clamp((logit_of(p) - low_) / (high_ - low_), 0.0, 1.0);
    return static_cast<int>(std::lround(100 + 900 * share));
}

float SiteScore::minus_log10_q(float best) const {
    if (rates_.empty()) return -1;
    const double logit = logit_of(static_cast<double>(best));
    const auto above = std::ranges::find_if(
        rates_, [&](const MarkerCalls::Rate& rate) { return static_cast<double>(rate.seed) > logit; });
    if (above == rates_.begin()) return 0;
    const double rate = std::max(static_cast<double>((above - 1)->rate), least_rate_);
    return static_cast<float>(std::max(0.0, -std::log10(rate)));
}

}  // namespace regkit
