// A model over validation windows as regcall would run it, and its calls fitted to or measured against what
// is there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/evaluate/call_fit.hpp"
#include "app/evaluate/stretches.hpp"
#include "app/model/model.hpp"
#include "kernels/backend.hpp"

namespace regkit {

// The model's calls; its own, if it has any, do not matter. None when stopped. Error(diverged) at a
// prediction that is not finite.
std::optional<CallFit> fit_model_calls(Model model, Backend& backend, const LabelledWindows& windows,
                                       ThreadPool& pool);
// Where nothing can be fitted: the reason, as the rest of a sentence; else empty.
std::string why_not_calibrated(const Model& model, const std::vector<std::int64_t>& windows);
// "sites: F1 0.410 (precision 0.500, recall 0.350), median length 279 bp of labels' 336"; NA of what is not
// defined. `f1` says which F1 it is.
std::string sites_text(const char* f1, const SiteScores& sites);
// A sentence for each class, for people.
std::vector<std::string> fit_sentences(const CallFit& fit);

// Of a model that has calls; with `rc_average` of the means of both strands. None when stopped.
std::optional<std::vector<SiteMetrics>> measure_sites(Model model, Backend& backend,
                                                      const LabelledWindows& windows, bool rc_average,
                                                      ThreadPool& pool);

}  // namespace regkit
