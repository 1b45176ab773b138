// The sites that a model calls in some regions, as regcall does there when nothing else is asked of it.
#pragma once

#include <cstdint>
#include <vector>

#include "app/model/model.hpp"
#include "app/model/regions.hpp"
#include "app/variants/cached_reference.hpp"
#include "kernels/backend.hpp"

namespace regkit {

struct RegionSite {
    ContigRange bases;
    int marker = 0;
    std::int64_t summit = 0;  // base of the contig
    float logit = 0;          // calibrated, at the summit
};
// By region, position and marker; a site ends where its region does. `regions` ascend without overlaps.
// Error(usage) of a model of coverage, which has no cutoffs.
std::vector<RegionSite> region_sites(const Model& model, const std::vector<ContigRange>& regions,
                                     CachedReference& reference, bool rc_average, Backend& backend);

}  // namespace regkit
