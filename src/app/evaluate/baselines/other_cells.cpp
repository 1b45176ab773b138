// A window's labels are read once; each run is then added to the markers that it tells of.
#include "app/evaluate/baselines/other_cells.hpp"

#include <algorithm>

#include "kernels/base/nth.hpp"

namespace regkit {

std::vector<std::vector<int>> same_target_elsewhere(const std::vector<Marker>& markers,
                                                    const Dataset& dataset) {
    std::vector<std::vector<int>> others(markers.size());
    for (std::size_t m = 0; m < markers.size(); ++m)
        for (std::size_t i = 0; i < dataset.markers().size(); ++i) {
            const Marker &marker = markers[m], &other = dataset.markers()[i];
            if (!marker.target.empty() && !marker.cell.empty() && !other.cell.empty() &&
                other.target == marker.target && other.class_name == marker.class_name &&
                other.cell != marker.cell)
                others[m].push_back(static_cast<int>(i));
        }
    return others;
}

void OtherCellsBaseline::score(const ScoredPositions& positions, float* scores, std::int64_t stride) const {
    std::vector<LabelRun> runs;
    dataset_.window_labels(positions.window, runs);
    for (std::size_t m = 0; m < others_.size(); ++m) {
        float* const row = scores + static_cast<std::int64_t>(m) * stride;
        std::fill_n(row, positions.count, 0.0f);
        if (others_[m].empty()) continue;
        for (const LabelRun& run : runs)
            if (std::find(others_[m].begin(), others_[m].end(), run.marker) != others_[m].end())
                for (std::int32_t i = run.begin; i < run.end; ++i) row[i] += 1;
        for (std::int64_t i = 0; i < positions.count; ++i) row[i] /= static_cast<float>(others_[m].size());
    }
}

}  // namespace regkit
