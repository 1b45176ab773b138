// Matching goes down the sites by their score, so that what a site matched does not depend on the cutoff that
// is chosen afterwards: one pass gives the whole curve of precision and recall.
#include "app/evaluate/sites.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <numeric>

#include "app/evaluate/class_values.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kSummitDistance = 100;
constexpr double kLeastJaccard = 0.3;
constexpr double kPointLength = 500;

std::int64_t middle(const LineRange& range) {
    return range.begin + (range.end - range.begin) / 2;
}

// How far the site is from being the label's, from 0 on; infinite where it is not.
double distance(const Site& site, const LineRange& label, SiteMatch how) {
    constexpr double kNever = std::numeric_limits<double>::infinity();
    if (how == SiteMatch::summit) {
        const std::int64_t away = std::abs(site.summit - middle(label));
        const bool inside = site.summit >= label.begin && site.summit < label.end;
        return inside || away <= kSummitDistance ? static_cast<double>(away) : kNever;
    }
    const std::int64_t both = std::min(site.bases.end, label.end) - std::max(site.bases.begin, label.begin);
    const std::int64_t either = std::max(site.bases.end, label.end) - std::min(site.bases.begin, label.begin);
    const double jaccard = static_cast<double>(both) / static_cast<double>(either);
    return jaccard >= kLeastJaccard ? 1 - jaccard : kNever;
}

}  // namespace

std::vector<CodeRun> code_runs(std::span<const std::uint8_t> codes, std::uint8_t extension) {
    std::vector<CodeRun> runs;
    const auto size = static_cast<std::int64_t>(codes.size());
    constexpr std::int64_t kBlock = 64;
    for (std::int64_t i = 0; i < size;) {
        // Most of a genome is below: whole blocks are left out by vector code.
        if (i + kBlock <= size) {
            unsigned any = 0;
            for (std::int64_t k = 0; k < kBlock; ++k) any |= nth(codes, i + k) >= extension ? 1u : 0u;
            if (any == 0) {
                i += kBlock;
                continue;
            }
        }
        while (i < size && nth(codes, i) < extension) ++i;
        if (i == size) break;
        CodeRun run{i, i, i};
        for (; i < size && nth(codes, i) >= extension; ++i)
            if (nth(codes, i) > nth(codes, run.best)) run.best = i;
        run.end = i;
        runs.push_back(run);
    }
    return runs;
}

void sites_of(const CodeRow& row, std::int64_t cell, std::span<const CodeRun> runs, const SiteRules& rules,
              std::vector<Site>& sites) {
    const auto known_between = [&](std::int64_t from, std::int64_t to) {
        return std::all_of(row.codes.begin() + from, row.codes.begin() + to,
                           [](std::uint8_t code) { return code != 0; });
    };
    const std::int64_t gap = rules.merge_gap / cell;  // in cells
    for (std::size_t i = 0; i < runs.size();) {
        CodeRun all = runs[i++];
        while (i < runs.size() && runs[i].begin - all.end <= gap && known_between(all.end, runs[i].begin)) {
            if (nth(row.codes, runs[i].best) > nth(row.codes, all.best)) all.best = runs[i].best;
            all.end = runs[i++].end;
        }
        if ((all.end - all.begin) * cell < rules.min_length) continue;
        sites.push_back({{row.begin + all.begin * cell, row.begin + all.end * cell},
                         row.begin + all.best * cell + cell / 2,
                         nth(row.codes, all.best)});
    }
}

SiteMatch site_match(const Marker& marker, const std::vector<LineRange>& labels) {
    for (const char* name : {"TFBS", "DNase", "ATAC"})
        if (marker.class_name == name) return SiteMatch::summit;
    if (marker.class_name == "Histone") return SiteMatch::overlap;
    std::vector<std::int64_t> lengths;
    for (const LineRange& label : labels) lengths.push_back(label.end - label.begin);
    return median_length(lengths) > kPointLength ? SiteMatch::overlap : SiteMatch::summit;
}

void match_sites(std::vector<Site>& sites, const std::vector<LineRange>& labels, SiteMatch how) {
    std::vector<std::size_t> order(sites.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return sites[a].best > sites[b].best; });
    std::vector<bool> taken(labels.size());
    for (const std::size_t s : order) {
        Site& site = sites[s];
        site.matched = false;
        const std::int64_t from =
                               (how == SiteMatch::summit ? site.summit : site.bases.begin) - kSummitDistance,
                           to = (how == SiteMatch::summit ? site.summit : site.bases.end) + kSummitDistance;
        // Middles lie up to half a label behind its begin, so labels are looked at by their ends.
        auto label = std::partition_point(labels.begin(), labels.end(),
                                          [&](const LineRange& l) { return l.end < from; });
        std::size_t nearest = labels.size();
        double least = std::numeric_limits<double>::infinity();
        for (; label != labels.end() && label->begin <= to; ++label) {
            const auto place = static_cast<std::size_t>(label - labels.begin());
            if (taken[place]) continue;
            const double away = distance(site, *label, how);
            if (away < least) {
                least = away;
                nearest = place;
            }
        }
        if (nearest == labels.size()) continue;
        taken[nearest] = true;
        site.matched = true;
    }
}

double median_length(const std::vector<std::int64_t>& lengths) {
    return median_of({lengths.begin(), lengths.end()});
}

}  // namespace regkit
