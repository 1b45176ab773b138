// What becomes of the predictions of a call: intervals over a cutoff, or values per base or per bin, into the output files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "app/interval_caller.hpp"
#include "base/thread_pool.hpp"
#include "io/track_set.hpp"

namespace regkit {

// Averages of bins that lie on the contig's grid of multiples of `width`. A bin that N or the end of a region cuts gives
// the average of each part that has values, with the part's own extent. One sum in ascending order a bin and marker, so
// that tiles do not show.
class BinAverager {
  public:
    BinAverager(int markers, std::int64_t width, TrackSet& tracks, ThreadPool& pool);

    void add(int contig, std::int64_t begin, std::int64_t count, std::span<const float> values, std::int64_t row);
    void end_stretch();

  private:
    void emit(std::int64_t end);

    std::int64_t width_;
    TrackSet& tracks_;
    ThreadPool& pool_;
    int contig_ = 0;
    std::int64_t begin_ = 0, end_ = 0;  // of the open bin's part
    std::vector<double> sum_;
    std::vector<float> averages_;
};

// Takes tiles in ascending order. Bases that are N get no value and end an interval.
class CallSink {
  public:
    // `resolution` > 1 averages values; only for formats that hold them.
    CallSink(TrackSet& tracks, TrackFormat format, int markers, const CallRules& rules, std::int64_t resolution,
             ThreadPool& pool);

    // Of the track set; everything before must have ended.
    void begin_contig(int contig) { contig_ = contig; }
    // Predictions [markers][codes.size()] of positions from `begin` on. Error(input) when one is not a probability.
    void tile(std::int64_t begin, std::span<const std::uint8_t> codes, std::span<const float> values);
    // Nothing contiguous follows.
    void end_region();

    std::int64_t intervals() const { return intervals_; }
    std::int64_t dropped() const { return caller_.dropped(); }
    std::int64_t bases() const { return bases_; }
    std::int64_t n_bases() const { return n_bases_; }

  private:
    void stretch(std::int64_t begin, std::int64_t count, std::span<const float> values, std::int64_t row);
    void release();

    TrackSet& tracks_;
    ThreadPool& pool_;
    int markers_;
    bool intervals_wanted_;
    std::int64_t resolution_;
    IntervalCaller caller_;
    BinAverager bins_;
    int contig_ = 0;
    std::int64_t next_ = -1;  // the position behind the last stretch
    std::int64_t intervals_ = 0, bases_ = 0, n_bases_ = 0;
};

}  // namespace regkit
