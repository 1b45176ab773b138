// What a called site is worth, from the probability of its best cell: the columns "score" and "qValue" of
// narrowPeak.
#pragma once

#include <vector>

#include "app/model/marker_calls.hpp"

namespace regkit {

// Of one marker.
class SiteScore {
  public:
    // Of plain probabilities (or coverage): 1000 times the best, at most 1000; no q-value.
    SiteScore() = default;
    // Of calibrated probabilities, where sites are called from the calibrated logit `seed` on.
    SiteScore(const MarkerCalls& calls, double seed);

    // 0 to 1000. Of calibrated ones linear in the logit, 100 at the seed cutoff and 1000 at the highest logit
    // for which the validation windows tell a rate of false calls, at least kLeastRange above the seed. A
    // seed counts as kLeastSeed at least and kMostSeed at most.
    int score(float best) const;
    // -log10 of the share of false ones among all sites at least this good, as the validation windows have it
    // and not below one of their calls; -1 where they do not tell.
    float minus_log10_q(float best) const;

    static constexpr double kLeastSeed = -10, kMostSeed = 15, kLeastRange = 2;

  private:
    bool calibrated_ = false;
    double low_ = 0, high_ = 0;  // logits of 100 and 1000
    std::vector<MarkerCalls::Rate> rates_;
    double least_rate_ = 0;
};

}  // namespace regkit
