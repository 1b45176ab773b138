// What a model's calls should be, learnt on validation windows: MarkerCalls of every marker.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "app/evaluate/code_spool.hpp"
#include "app/model/marker_calls.hpp"
#include "base/marker.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// Of a class's markers that have labels: sites at the cutoff of largest F1, every half called by the cutoffs
// of the other. Means over markers; lengths are medians over markers of the median length, in bases. NaN of
// none.
struct ClassSites {
    std::string class_name;
    int markers = 0, labelled = 0, curves = 0;  // curves: markers with knots
    double precision = 0, recall = 0, f1 = 0;
    double called_length = 0, label_length = 0;
};
struct CallFit {
    std::vector<MarkerCalls> calls;  // a marker each
    std::vector<ClassSites> classes;
};

// Markers with fewer labelled sites are called by their class's cutoffs.
inline constexpr std::size_t kOwnSites = 100;
// Fewer calls than this tell nothing of a rate.
inline constexpr std::int64_t kLeastCalls = 20;

// Gap, length and the share of positions that sites may cover, as a multiple of the prevalence, are those of
// the class's that give the largest mean F1, of those that keep sites as long as labels within 1/1.4 to 1.4,
// or else that come nearest; the rest as kOwnSites says, but for markers that their class's cutoff never
// calls. A level's cutoff is the lowest one whose false discoveries stay below it in the halves that it was
// not fitted on. `tick` is called between markers.
CallFit fit_calls(const CodeSpool& spool, const std::vector<Marker>& markers, ThreadPool& pool,
                  const std::function<void()>& tick);

// What calls are worth at a model's stored cutoffs of largest F1.
struct SiteMetrics {
    std::int64_t labels = 0, calls = 0, matched = 0;
    double called_length = 0, label_length = 0;  // medians, in bases; NaN of none
};
std::vector<SiteMetrics> site_metrics(const CodeSpool& spool, const std::vector<Marker>& markers,
                                      const std::vector<MarkerCalls>& calls, ThreadPool& pool);

}  // namespace regkit
