// Tiles of logits become runs at or above each marker's extension cutoff, and the caller makes sites of them.
#include "app/attribution/region_sites.hpp"

#include <algorithm>

#include "app/model/predictor.hpp"
#include "app/variants/called_sites.hpp"
#include "app/variants/marker_scale.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// Cells of `size` bases on the contig that hold a base that is known, side by side as one.
std::vector<KnownStretch> known_cells(std::int64_t begin, std::span<const std::uint8_t> codes,
                                      std::int64_t size) {
    const std::int64_t end = begin + std::ssize(codes);
    std::vector<KnownStretch> known;
    for (std::int64_t from = begin; from < end;) {
        const std::int64_t to = std::min(end, (from / size + 1) * size);
        const bool any = std::any_of(codes.begin() + (from - begin), codes.begin() + (to - begin),
                                     [](std::uint8_t code) { return code != kCodeN; });
        if (any && !known.empty() && known.back().end == from)
            known.back().end = to;
        else if (any)
            known.push_back({from, to});
        from = to;
    }
    return known;
}

}  // namespace

std::vector<RegionSite> region_sites(const Model& model, const std::vector<ContigRange>& regions,
                                     CachedReference& reference, bool rc_average, Backend& backend) {
    const MarkerScales scales(model);
    require(!scales.coverage(), ErrorKind::usage,
            "the model predicts coverage, of which it knows no sites to look at");
    PredictorOptions options;
    options.rc_average = rc_average;
    options.logits = true;
    Predictor predictor(model, backend, options);
    const CalledSites rules(model, scales, predictor.resolution());
    IntervalCaller caller = rules.caller();
    SiteWork work;
    std::vector<RegionSite> sites;
    for (const ContigRange& region : regions) {
        const std::int64_t length = nth(reference.contigs(), region.contig).length,
                           cell = predictor.resolution();
        caller.begin_contig();
        predictor.predict(
            length, region.begin / cell * cell, std::min(length, (region.end + cell - 1) / cell * cell),
            [&](std::int64_t begin, std::int64_t end, std::span<std::uint8_t> codes) {
                reference.read(region.contig, begin, end, codes);
            },
            [&](std::int64_t begin, std::int64_t, std::span<const std::uint8_t> codes,
                std::span<const float> values) {
                const std::size_t cells = values.size() / model.markers.size();
                work.runs.clear();
                for (std::size_t m = 0; m < model.markers.size(); ++m)
                    rules.append_runs(m, values.subspan(m * cells, cells), work);
                caller.add(begin, known_cells(begin, codes, cell), work.runs, work.pool);
            });
        caller.end_stretch();
        caller.release(region.contig, [&](const CalledInterval& called) {
            sites.push_back({{region.contig, called.begin, called.end},
                             called.marker,
                             called.begin + called.summit,
                             called.max});
        });
    }
    return sites;
}

}  // namespace regkit
