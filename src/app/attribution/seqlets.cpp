#include "app/attribution/seqlets.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <utility>

#include "base/splitmix.hpp"
#include "io/fasta/fasta.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

struct Stretch {
    std::int64_t begin = 0;
    double sum = 0;
};

// Of positive sums, the best first, none over another.
std::vector<Stretch> best_stretches(std::span<const double> values) {
    std::vector<Stretch> all, best;
    for (std::int64_t begin = 0; begin + Seqlet::kCore <= std::ssize(values); ++begin) {
        const double sum =
            std::accumulate(values.begin() + begin, values.begin() + begin + Seqlet::kCore, 0.0);
        if (sum > 0) all.push_back({begin, sum});
    }
    std::ranges::stable_sort(all, std::greater<>{}, &Stretch::sum);
    std::vector<bool> taken(values.size());
    for (const Stretch& stretch : all) {
        const auto first = taken.begin() + stretch.begin, last = first + Seqlet::kCore;
        if (std::find(first, last, true) != last) continue;
        std::fill(first, last, true);
        best.push_back(stretch);
    }
    return best;
}

// How many of the first, which descend, the cutoff leaves.
std::size_t count_above_null(std::span<const Seqlet> found, std::vector<double> null) {
    std::ranges::sort(null, std::greater<>{});
    std::size_t count = 0, beyond = 0;  // of the null
    for (std::size_t i = 0; i < found.size(); ++i) {
        while (beyond < null.size() && null[beyond] >= found[i].contribution) ++beyond;
        if (static_cast<double>(beyond) / Seqlets::kOrders <= Seqlets::kFalse * static_cast<double>(i + 1))
            count = i + 1;
    }
    return count;
}

}  // namespace

double SiteContributions::actual(std::int64_t i) const {
    const std::uint8_t code = nth(codes, i);
    return code == kCodeN ? 0 : static_cast<double>(nth(four, (code - 1) * size() + i));
}

Seqlets find_seqlets(std::span<const SiteContributions> sites, std::uint64_t seed) {
    Seqlets result;
    std::vector<Seqlet> all;
    std::vector<double> null, values;
    for (std::size_t s = 0; s < sites.size(); ++s) {
        values.clear();
        for (std::int64_t i = 0; i < sites[s].size(); ++i) values.push_back(sites[s].actual(i));
        for (const Stretch& stretch : best_stretches(values)) all.push_back({s, stretch.begin, stretch.sum});
        // Drawn by its place, so that a site's null is its own whatever else is asked for.
        const std::uint64_t place =
            splitmix(seed ^ splitmix(static_cast<std::uint64_t>(sites[s].bases.begin)));
        for (int order = 0; order < Seqlets::kOrders; ++order) {
            shuffle(std::span(values), splitmix(place + static_cast<std::uint64_t>(order)));
            for (const Stretch& stretch : best_stretches(values)) null.push_back(stretch.sum);
        }
    }
    std::ranges::stable_sort(all, std::greater<>{}, &Seqlet::contribution);
    result.stretches = std::ssize(all);
    all.resize(count_above_null(all, std::move(null)));
    if (!all.empty()) result.cutoff = all.back().contribution;
    std::set<std::pair<int, std::int64_t>> cores;  // contig and first base
    for (const Seqlet& seqlet : all) {
        const SiteContributions& site = sites[seqlet.site];
        if (seqlet.begin < Seqlet::kFlank || seqlet.begin + Seqlet::kCore + Seqlet::kFlank > site.size())
            continue;
        const std::pair first(site.bases.contig, site.bases.begin + seqlet.begin);
        const auto after = cores.lower_bound({first.first, first.second - Seqlet::kCore + 1});
        if (after != cores.end() && *after < std::pair(first.first, first.second + Seqlet::kCore)) continue;
        cores.insert(first);
        result.found.push_back(seqlet);
    }
    return result;
}

}  // namespace regkit
