// The rules are IntervalCaller's own, on calibrated logits in the place of probabilities, which order cells
// alike and do not run together near 1. Few markers come near their seed in the bases that are compared, so
// that the largest output answers for nearly all.
#include "app/variants/called_sites.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace regkit {

CalledSites::CalledSites(const Model& model, const MarkerScales& scales, std::int64_t resolution)
    : scales_(scales), resolution_(resolution) {
    const std::size_t markers = model.markers.size();
    callable_.assign(markers, !scales.coverage());
    rules_.resize(markers);
    extensions_.resize(markers);  // a logit of 0 is a probability of one half
    if (!scales.calibrated()) return;
    for (std::size_t m = 0; m < markers; ++m) {
        const MarkerCalls& calls = model.calls[m];
        callable_[m] = calls.f1.seed != SiteCutoff::kNone;
        rules_[m] = {calls.f1.seed, calls.merge_gap, calls.min_length};
        extensions_[m] = calls.extension;
    }
}

void CalledSites::call_everything() {
    callable_.assign(callable_.size(), true);
    any_reaches_ = true;
}

bool CalledSites::reaches_seed(std::size_t marker, float output) const {
    return any_reaches_ || static_cast<float>(scales_.logit(marker, output)) >= rules_[marker].seed;
}

std::int64_t CalledSites::site_distance(std::size_t marker, std::span<const float> outputs,
                                        std::span<const KnownStretch> stretches, KnownStretch place,
                                        SiteWork& work) const {
    work.runs.clear();
    append_logits(marker, 0, outputs, work);
    std::int64_t nearest = kNoSite;
    if (work.runs.runs.empty()) return nearest;
    IntervalCaller caller({rules_[marker]}, resolution_);
    caller.add(0, stretches, work.runs, work.pool);
    caller.end_stretch();
    caller.release(0, [&](const CalledInterval& site) {
        const std::int64_t right = site.begin - place.end + 1, left = place.begin - site.end + 1;
        nearest = std::min(nearest, std::max({std::int64_t{0}, right, left}));
    });
    return nearest;
}

void CalledSites::append_runs(std::size_t marker, std::span<const float> outputs, SiteWork& work) const {
    if (callable_[marker]) append_logits(marker, static_cast<int>(marker), outputs, work);
}

void CalledSites::append_logits(std::size_t marker, int row, std::span<const float> outputs,
                                SiteWork& work) const {
    work.logits.resize(outputs.size());
    std::ranges::transform(outputs, work.logits.begin(),
                           [&](float output) { return static_cast<float>(scales_.logit(marker, output)); });
    work.runs.append_row(0, row, work.logits, extensions_[marker]);
}

float largest(std::span<const float> values) {
    constexpr std::size_t kLanes = 16;  // side by side: vector code
    std::array<float, kLanes> most;
    most.fill(values[0]);
    std::size_t i = 0;
    for (; i + kLanes <= values.size(); i += kLanes)
        for (std::size_t lane = 0; lane < kLanes; ++lane)
            most[lane] = values[i + lane] > most[lane] ? values[i + lane] : most[lane];
    for (; i < values.size(); ++i) most[0] = std::max(most[0], values[i]);
    return *std::ranges::max_element(most);
}

}  // namespace regkit
