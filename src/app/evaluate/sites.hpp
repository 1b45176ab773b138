// Sites: calls cut out of a row of codes as regcall cuts them, held against the labels one to one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "app/evaluate/code_spool.hpp"
#include "base/marker.hpp"

namespace regkit {

// A run of cells at or above an extension cutoff, joined over gaps and long enough.
struct Site {
    LineRange bases;
    std::int64_t summit = 0;  // the middle of the best cell, the first of equals
    std::uint8_t best = 0;    // its code
    bool matched = false;     // by match_sites
};

// Cells [begin, end) of a row, `best` the place of its best one.
struct CodeRun {
    std::int64_t begin = 0, end = 0, best = 0;
};
// Runs of cells whose code is at least `extension` (> 0).
std::vector<CodeRun> code_runs(std::span<const std::uint8_t> codes, std::uint8_t extension);

struct SiteRules {
    std::uint8_t extension = 255;
    std::int64_t merge_gap = 0, min_length = 1;  // bases
};
// Runs joined into sites and appended. Cells without a value (code 0) end a site, as in regcall.
void sites_of(const CodeRow& row, std::int64_t cell, std::span<const CodeRun> runs, const SiteRules& rules,
              std::vector<Site>& sites);

// When a site is a label's.
enum class SiteMatch {
    summit,   // its summit lies in the label, or within 100 bp of the label's middle
    overlap,  // bases of both / bases of either >= .3
};
// By class: TFBS, DNase and ATAC by summit, Histone by overlap; others by the median length of their labels,
// up to 500 bp by summit.
SiteMatch site_match(const Marker& marker, const std::vector<LineRange>& labels);

// Gives each label to at most one site and each site at most one label, best site first (of equals the
// first), each to the nearest of the labels that are left. `sites` ascend; `labels` too and are disjoint.
void match_sites(std::vector<Site>& sites, const std::vector<LineRange>& labels, SiteMatch how);

// NaN of none.
double median_length(const std::vector<std::int64_t>& lengths);

}  // namespace regkit
