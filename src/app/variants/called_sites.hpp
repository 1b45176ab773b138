// Whether a marker has a site among outputs that lie side by side, by the rules by which regcall calls sites
// when nothing else is asked of it: those of the largest F1, or, where the model is not calibrated, cells
// whose probability is at least 0.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "app/call/interval_caller.hpp"
#include "app/variants/marker_scale.hpp"
#include "kernels/backend.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// What has_site works in: one a thread.
struct SiteWork {
    ThreadPool pool{1};
    std::vector<float> logits;
    CalledRuns runs;
};

class CalledSites {
  public:
    // `scales`, the model's, must outlive it. Cells of `resolution` bases.
    CalledSites(const Model& model, const MarkerScales& scales, std::int64_t resolution);

    // From now on every marker is called, and any output reaches its seed: all of them are asked for.
    void call_everything();
    // Of a marker that is called at all: of coverage none is, since models do not say from which on.
    bool calls(std::size_t marker) const { return callable_[marker]; }
    // A site holds an output that reaches its seed.
    bool reaches_seed(std::size_t marker, float output) const;
    // `outputs` of cells from base 0 on, of which those in `stretches`, which ascend, are known.
    bool has_site(std::size_t marker, std::span<const float> outputs, std::span<const KnownStretch> stretches,
                  SiteWork& work) const {
        return site_distance(marker, outputs, stretches, {}, work) != kNoSite;
    }
    // The same, and how far the nearest site lies from `place`: 0 where it holds some of it, 1 beside it;
    // kNoSite where there is none.
    static constexpr std::int64_t kNoSite = INT64_MAX;
    std::int64_t site_distance(std::size_t marker, std::span<const float> outputs,
                               std::span<const KnownStretch> stretches, KnownStretch place,
                               SiteWork& work) const;
    // For sites of long stretches: a caller by the rules of all markers, and the runs that it takes, of which
    // a marker that is not called has none. `outputs` of one marker.
    IntervalCaller caller() const { return {rules_, resolution_}; }
    void append_runs(std::size_t marker, std::span<const float> outputs, SiteWork& work) const;

  private:
    void append_logits(std::size_t marker, int row, std::span<const float> outputs, SiteWork& work) const;

    const MarkerScales& scales_;
    std::int64_t resolution_;
    std::vector<bool> callable_;
    bool any_reaches_ = false;
    std::vector<CallRules> rules_;  // seeds are calibrated logits
    std::vector<float> extensions_;
};

// The largest of the values; there is at least one.
float largest(std::span<const float> values);

}  // namespace regkit
