// From what a call finds to its files: runs become sites, sorted and scored; values go to the tracks as they
// are.
#pragma once

#include <cstdint>

#include "app/call/call_cutoffs.hpp"
#include "app/call/call_events.hpp"
#include "app/call/interval_caller.hpp"
#include "app/call/region_table.hpp"
#include "io/tracks/track_set.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

class TrackCalls final : public CallEvents {
  public:
    // Cells of `cell` bases. All that is passed must outlive it.
    TrackCalls(TrackSet& tracks, const CallPlan& plan, std::int64_t cell, ThreadPool& pool);

    // Sites are counted there as well. It must outlive this.
    void set_table(RegionTable& table) { table_ = &table; }
    void begin_contig(const CallContig& contig) override;
    void values(std::int64_t begin, std::int64_t span, std::int64_t count, std::span<const float> values,
                std::int64_t row) override;
    void called(std::int64_t begin, std::span<const KnownStretch> stretches,
                const CalledRuns& called) override;
    void end_region() override;
    // Of the contig that began last, where it was not known.
    void set_length(std::int64_t length) { tracks_.set_length(contig_, length); }

    std::int64_t contigs() const { return contigs_; }
    std::int64_t intervals() const { return intervals_; }
    std::int64_t dropped() const { return caller_.dropped(); }

  private:
    void release();

    TrackSet& tracks_;
    ThreadPool& pool_;
    const CallPlan& plan_;
    RegionTable* table_ = nullptr;
    IntervalCaller caller_;
    int contig_ = -1;
    std::int64_t contigs_ = 0, intervals_ = 0;
};

}  // namespace regkit
