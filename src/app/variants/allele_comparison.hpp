// Values of REF and ALT side by side, and what is said of them: the largest change, the largest fold, and
// whether a site appears or vanishes.
#pragma once

#include <cstdint>
#include <span>

#include "app/model/model.hpp"
#include "app/variants/called_sites.hpp"
#include "app/variants/marker_scale.hpp"
#include "app/variants/variant_scorer.hpp"

namespace regkit {

class AlleleComparison {
  public:
    // Cells of `resolution` bases. With `rows` nothing is compared: what would be is kept as ComparedRows.
    AlleleComparison(const Model& model, std::int64_t resolution, bool rows);
    // `sites_` points into it.
    AlleleComparison(const AlleleComparison&) = delete;
    AlleleComparison& operator=(const AlleleComparison&) = delete;

    // Before what is compared is taken: the intervals of an effect that has its markers.
    void begin_intervals(std::span<const NamedRegion* const> intervals, AlleleEffect& effect) const;
    // Takes the values of one marker at bases side by side, the first of them at `place`: `effect`, which has
    // all markers, keeps the largest change, the first of equals, and the largest fold. A change that is no
    // number stays: it must not hide behind others.
    void take(std::size_t marker, std::span<const float> ref, std::span<const float> alt, std::int64_t place,
              AlleleEffect& effect) const;
    // Notes the marker where one of the two has a site and the other has none, and how far REF's nearest one
    // lies from effect.changed; outputs of cells side by side, known in `stretches`.
    void note_sites(std::size_t marker, std::span<const float> ref, std::span<const float> alt,
                    std::span<const KnownStretch> stretches, AlleleEffect& effect, SiteWork& work) const;

  protected:
    MarkerScales scales_;
    CalledSites sites_;

  private:
    void sum_intervals(std::size_t marker, std::span<const float> ref, std::span<const float> alt,
                       std::int64_t place, AlleleEffect& effect) const;

    std::int64_t resolution_;
    bool rows_;
};

}  // namespace regkit
