// From values along a contig to intervals over a cutoff, in sorted order, whatever the tiles.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "io/files/spool.hpp"
#include "io/tracks/track_writer.hpp"
#include "kernels/backend.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// Orders intervals by (begin, end, marker) with bounded memory: what exceeds it waits in a temporary file, in
// sorted runs.
class IntervalSorter {
  public:
    // `in_memory` intervals are held before they go to the file.
    explicit IntervalSorter(std::size_t in_memory = std::size_t{1} << 18) : in_memory_(in_memory) {}

    void push(const CalledInterval& called);
    // Takes out, in order, all that begin before `bound`; whatever is pushed later begins at or after it.
    void release(std::int64_t bound, const std::function<void(const CalledInterval&)>& out);

  private:
    struct Run {
        std::uint64_t offset = 0, left = 0;  // in the spool; in intervals
        std::vector<CalledInterval> buffer;
        std::size_t next = 0;
    };
    void spill();
    bool refill(Run& run);

    std::size_t in_memory_;
    std::vector<CalledInterval> heap_;  // the first on top
    std::vector<Run> runs_;
    std::unique_ptr<Spool> spool_;
};

// Of a marker: which of its runs of called cells are intervals.
struct CallRules {
    float seed = 0;               // intervals without a value at or above it are left out; they do not count
    std::int64_t merge_gap = 0;   // runs at most so many bases apart become one
    std::int64_t min_length = 1;  // bases; shorter ones, once merged, are dropped
};

// Bases [begin, end) that have values.
struct KnownStretch {
    std::int64_t begin = 0, end = 0;
};

// One state for each marker. Cells come in ascending order; where they are not contiguous (N, the end of a
// region) every interval ends. An interval's summit is the middle of its best cell, the first of equals.
class IntervalCaller {
  public:
    // One rule a marker; cells of `resolution` bases lie on the contig's grid.
    IntervalCaller(std::vector<CallRules> rules, std::int64_t resolution);

    // The called cells of all markers (runs of sample 0, in cells from the one that holds base `begin` on)
    // inside `stretches`, which ascend and whose ends may cut the first cell and the last.
    void add(std::int64_t begin, std::span<const KnownStretch> stretches, const CalledRuns& called,
             ThreadPool& pool);
    // Positions begin anew; the contig before has ended with end_stretch().
    void begin_contig() { position_ = 0; }
    // Nothing contiguous follows: all open intervals end.
    void end_stretch();
    // Passes on, in sorted order, what nothing can come before any more: intervals that begin before every
    // open one.
    void release(int contig, const std::function<void(const CalledInterval&)>& out);
    // No interval that is passed on later begins before it.
    std::int64_t settled() const;
    std::int64_t dropped() const;  // shorter than min_length

  private:
    struct State {
        bool any = false;                 // an interval is open, or waits for what may be merged with it
        std::int64_t begin = 0, end = 0;  // called so far
        std::int64_t summit = 0;          // position
        float max = 0;
        double sum = 0;
        std::int64_t called = 0;  // cells
        std::int64_t dropped = 0;
        std::vector<CalledInterval> done;
    };
    void scan(std::int32_t marker, std::int64_t first_cell, std::span<const KnownStretch> stretches,
              const CalledRuns& called, std::span<const CalledRun> runs);
    void take(State& state, KnownStretch bases, std::span<const float> values) const;
    void close(State& state, std::int32_t marker) const;

    std::vector<CallRules> rules_;
    std::int64_t resolution_;
    std::int64_t position_ = 0;  // the end of the bases seen
    std::vector<State> states_;
    std::vector<std::size_t> first_;  // run of each marker, while adding
    IntervalSorter sorter_;
};

}  // namespace regkit
