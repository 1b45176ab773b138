// regsnp motifs: what a model has learned to look for, as motifs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/attribution/attribution.hpp"
#include "app/variants/allele_run.hpp"
#include "base/log.hpp"
#include "base/work_done.hpp"

namespace regkit {

struct MotifParameters : ScoringParameters {
    std::vector<std::string> regions;
    std::string regions_file;
    std::int64_t count = 500;  // sites of a marker, those of the largest logits
    std::int64_t width = 400;  // bases around each summit
    std::int64_t min_seqlets = 20;
    bool integrated = false;  // integrated gradients instead of gradients
    IntegrationOptions integration;
    std::uint64_t seed = 1;    // of the nulls; IntegrationOptions has its own
    std::string output = "-";  // MEME
    std::string sites;         // BED of the seqlets; "": none
};

struct MotifSummary {
    std::int64_t sites = 0, seqlets = 0, motifs = 0;
};

// The model's called sites of each marker in the regions (region_sites); contributions of the bases around
// their summits to the logits of the site (Attribution); seqlets of these (find_seqlets) and motifs of those
// (find_motifs), named MARKER.1, MARKER.2 and so on. Throws Error; on any the outputs do not come to be.
// Error(usage) for several models, Error(input) where no site is called. Where no motif is found the output
// has none, and the log is warned.
MotifSummary marker_motifs(const MotifParameters& parameters, Log& log, const TellWork& tell = tell_nobody);

}  // namespace regkit
