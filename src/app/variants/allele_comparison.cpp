#include "app/variants/allele_comparison.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace regkit {

AlleleComparison::AlleleComparison(const Model& model, std::int64_t resolution, bool rows)
    : scales_(model), sites_(model, scales_, resolution), resolution_(resolution), rows_(rows) {
    if (rows) sites_.call_everything();
}

void AlleleComparison::take(std::size_t marker, std::span<const float> ref, std::span<const float> alt,
                            std::int64_t place, AlleleEffect& effect) const {
    if (rows_) {
        if (marker == 0) effect.rows.places.push_back(place);
        return;
    }
    if (!effect.intervals.empty()) sum_intervals(marker, ref, alt, place, effect);
    constexpr std::size_t kTogether = MarkerScales::kTogether;
    MarkerEffect& best = effect.markers[marker];
    std::array<float, kTogether> deltas;
    for (std::size_t begin = 0; begin < ref.size(); begin += kTogether) {
        const std::size_t count = std::min(kTogether, ref.size() - begin);
        for (std::size_t i = 0; i < count; ++i) deltas[i] = alt[begin + i] - ref[begin + i];
        const std::size_t at = largest_magnitude({deltas.data(), count});
        const float change = std::fabs(deltas[at]);
        const double fold = scales_.larger_fold(marker, ref.subspan(begin, count), alt.subspan(begin, count),
                                                change, effect.fold);
        if (fold > effect.fold) {
            effect.fold = fold;
            effect.fold_marker = marker;
        }
        // The first that is compared is taken whether or not it changed.
        if (best.place != MarkerEffect::kNowhere &&
            (std::isnan(best.delta) || change <= std::fabs(best.delta)))
            continue;
        best = {deltas[at], ref[begin + at], alt[begin + at], place + static_cast<std::int64_t>(begin + at)};
    }
}

void AlleleComparison::begin_intervals(std::span<const NamedRegion* const> intervals,
                                       AlleleEffect& effect) const {
    for (const NamedRegion* interval : intervals)
        effect.intervals.push_back({interval, std::vector<double>(effect.markers.size())});
}

// A cell of several bases has its place in its middle.
void AlleleComparison::sum_intervals(std::size_t marker, std::span<const float> ref,
                                     std::span<const float> alt, std::int64_t place,
                                     AlleleEffect& effect) const {
    const std::int64_t first = place - resolution_ / 2;
    for (IntervalEffect& of : effect.intervals)
        for (std::size_t i = 0; i < ref.size(); ++i) {
            const std::int64_t begin = first + static_cast<std::int64_t>(i) * resolution_;
            const std::int64_t bases =
                std::min(of.interval->end, begin + resolution_) - std::max(of.interval->begin, begin);
            if (bases > 0 && ref[i] != alt[i])
                of.sums[marker] += static_cast<double>(bases) * scales_.log2_fold(marker, ref[i], alt[i]);
        }
}

void AlleleComparison::note_sites(std::size_t marker, std::span<const float> ref, std::span<const float> alt,
                                  std::span<const KnownStretch> stretches, AlleleEffect& effect,
                                  SiteWork& work) const {
    if (rows_) {
        ComparedRows& rows = effect.rows;
        rows.stretches.assign(stretches.begin(), stretches.end());
        rows.ref.resize(effect.markers.size());
        rows.alt.resize(effect.markers.size());
        rows.ref[marker].assign(ref.begin(), ref.end());
        rows.alt[marker].assign(alt.begin(), alt.end());
        return;
    }
    const std::int64_t distance = sites_.site_distance(marker, ref, stretches, effect.changed, work);
    const bool in_ref = distance != CalledSites::kNoSite,
               in_alt = sites_.has_site(marker, alt, stretches, work);
    effect.site_distance = std::min(effect.site_distance, distance);
    if (in_ref != in_alt) (in_alt ? effect.gained : effect.lost).push_back(marker);
}

}  // namespace regkit
