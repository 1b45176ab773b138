// A model that reads windows of its own length may see less of what a long change leaves; then all are
// compared where it sees.
#include "app/variants/allele_ensemble.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "app/model/model_mean.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// The mean has no calibration of its own.
Model mean_model(const Model& first) {
    Model model;
    model.spec.task = first.spec.task;
    model.markers = first.markers;
    return model;
}

}  // namespace

AlleleEnsemble::AlleleEnsemble(const std::vector<Model>& models, std::int64_t resolution)
    : task_(models.front().spec.task),
      resolution_(resolution),
      markers_(models.front().markers.size()),
      scales_(models.begin(), models.end()),
      comparison_(mean_model(models.front()), resolution, false) {}

void AlleleEnsemble::calibrate(std::size_t model, std::size_t marker, std::vector<float>& outputs) const {
    if (!scales_[model].calibrated()) return;
    for (float& output : outputs) output = static_cast<float>(scales_[model].logit(marker, output));
}

void AlleleEnsemble::form_mean(std::size_t cells, std::vector<std::vector<float>> ComparedRows::*side,
                               std::size_t marker, std::vector<float>& mean) {
    std::vector<std::span<const float>> rows;
    for (std::size_t k = 0; k < rows_.size(); ++k) {
        std::vector<float>& row = (rows_[k]->*side)[marker];
        calibrate(k, marker, row);
        rows.push_back(std::span<const float>(row).first(cells));
    }
    mean.resize(cells);
    if (task_ == Task::coverage)  // they are coverage already
        mean_of_models(rows, mean, {});
    else
        mean_of_model_logits(rows, task_, mean, {});
}

// Of the models' own changes where the mean's is largest.
float AlleleEnsemble::spread_at(std::size_t marker, std::int64_t place) const {
    for (std::size_t s = 0; s < stretches_.size(); ++s) {
        const auto [begin, end] = cells_of(stretches_[s]);
        const std::int64_t at = place - places_[s];
        if (at < 0 || at >= static_cast<std::int64_t>(end - begin)) continue;
        std::vector<float> changes;
        for (const ComparedRows* rows : rows_) {
            const std::size_t cell = begin + static_cast<std::size_t>(at);
            changes.push_back(rows->alt[marker][cell] - rows->ref[marker][cell]);
        }
        std::vector<std::span<const float>> each;
        for (const float& change : changes) each.emplace_back(&change, 1);
        std::array<float, 1> mean{}, spread{};
        mean_of_models(each, mean, spread);
        return spread[0];
    }
    return std::numeric_limits<float>::quiet_NaN();
}

AlleleEffect AlleleEnsemble::effect(std::span<AlleleEffect> of_models) {
    AlleleEffect result;
    rows_.clear();
    std::size_t cells = std::numeric_limits<std::size_t>::max();
    for (AlleleEffect& of : of_models) {
        if (of.compared == 0) return result;
        rows_.push_back(&of.rows);
        for (const auto* side : {&of.rows.ref, &of.rows.alt})
            for (const std::vector<float>& row : *side) cells = std::min(cells, row.size());
    }
    cut_stretches(cells);
    for (const KnownStretch& stretch : stretches_) {
        const auto [begin, end] = cells_of(stretch);
        result.compared += static_cast<std::int64_t>(end - begin);
    }
    if (result.compared == 0) return result;
    result.markers.resize(markers_);
    result.changed = of_models.front().changed;
    std::vector<const NamedRegion*> intervals;
    for (const IntervalEffect& of : of_models.front().intervals) intervals.push_back(of.interval);
    comparison_.begin_intervals(intervals, result);
    for (std::size_t m = 0; m < markers_; ++m) compare(m, cells, result);
    return result;
}

// Those of the first model, as far as all models have values.
void AlleleEnsemble::cut_stretches(std::size_t cells) {
    const std::int64_t end = static_cast<std::int64_t>(cells) * resolution_;
    const ComparedRows& first = *rows_.front();
    stretches_.clear();
    places_ = first.places;
    for (const KnownStretch& stretch : first.stretches)
        if (stretch.begin < end) stretches_.push_back({stretch.begin, std::min(stretch.end, end)});
}

AlleleEnsemble::Cells AlleleEnsemble::cells_of(const KnownStretch& stretch) const {
    return {static_cast<std::size_t>(stretch.begin / resolution_),
            static_cast<std::size_t>(stretch.end / resolution_)};
}

void AlleleEnsemble::compare(std::size_t marker, std::size_t cells, AlleleEffect& effect) {
    form_mean(cells, &ComparedRows::ref, marker, ref_);
    form_mean(cells, &ComparedRows::alt, marker, alt_);
    const std::span<const float> ref = ref_, alt = alt_;
    for (std::size_t s = 0; s < stretches_.size(); ++s) {
        const auto [begin, end] = cells_of(stretches_[s]);
        comparison_.take(marker, ref.subspan(begin, end - begin), alt.subspan(begin, end - begin), places_[s],
                         effect);
    }
    effect.spreads.push_back(spread_at(marker, effect.markers[marker].place));
    comparison_.note_sites(marker, ref, alt, stretches_, effect, work_);
}

}  // namespace regkit
