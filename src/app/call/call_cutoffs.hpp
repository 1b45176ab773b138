// From what a user asks of sites (-c, --raw, --min-length, --merge-gap) and what the model knows of its own
// (MarkerCalls) to the rules by which each marker is called, and what is to be said of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/call/interval_caller.hpp"
#include "app/call/site_score.hpp"
#include "app/model/calibrated.hpp"
#include "app/model/model.hpp"

namespace regkit {

// What one -c says.
struct CutoffChoice {
    enum class Kind { value, f1, fdr };
    std::string text;     // as it was given, without NAME=
    std::string pattern;  // of select_markers; empty: all markers
    Kind kind = Kind::value;
    double value = 0;       // of `value`: the cutoff, at least 0
    std::size_t level = 0;  // of `fdr`: of MarkerCalls::kLevels
};
// "f1", "fdr:0.1", "0.5", or "NAME=" and one of these; a name may hold '=' itself. Error(usage).
CutoffChoice parse_cutoff(const std::string& text);

struct SiteOptions {
    std::vector<CutoffChoice> cutoffs;  // of those that match a marker, the last counts
    bool raw = false;                   // the model's own probabilities, though it may be calibrated
    std::optional<std::int64_t> min_length, merge_gap;  // instead of the model's
};
// Error(usage) where the options contradict each other, whatever the model.
void check_site_options(const SiteOptions& options);

struct CallPlan {
    bool calibrated = false;  // of a model that calibrated() gave (calibrated.hpp); and the rest of its maps:
    KnotMaps knots;
    // Of each marker.
    std::vector<float>
        cutoffs;  // a cell is called where the model's value, without `knots`, is at or above it
    std::vector<CallRules> rules;
    std::vector<SiteScore> scores;
    // What is to be said: lines for the output's header, and for people.
    std::vector<std::string> header, notices, warnings;
};
// Without `intervals` there will be none, and cutoffs do not matter. Without calibration, or raw, cells are
// called from 0.5 on, and every run is a site; calibrated, as stored for the largest F1. `path` names the
// model in messages. Error(usage): a cutoff that only calibrated models have, a pattern that matches no
// marker, a cutoff above 1 that is no coverage, none for a marker of coverage.
// `ensemble`: what is called is the mean of several models, of which `model` is one and `path` a name for
// all; no calibration was fitted to it.
CallPlan plan_calls(const Model& model, const SiteOptions& options, bool intervals, const std::string& path,
                    bool ensemble = false);

}  // namespace regkit
