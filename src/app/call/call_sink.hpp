// What becomes of the predictions of a call: called cells, or values per cell or per bin, checked and without
// N. A cell is the bases that one output of the model stands for; cells lie on the contig's grid.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "app/call/call_cutoffs.hpp"
#include "app/call/call_events.hpp"
#include "app/call/region_table.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// Averages over the bases of bins that lie on the contig's grid of multiples of `width`, itself a multiple of
// the cell. A bin that N or the end of a region cuts gives the average of each part that has values, with the
// part's own extent. One sum in ascending order a bin and marker, so that tiles do not show.
class BinAverager {
  public:
    BinAverager(int rows, std::int64_t cell, std::int64_t width, CallEvents& events, ThreadPool& pool);

    // The cells of bases [begin, end).
    void add(std::int64_t begin, std::int64_t end, std::span<const float> values, std::int64_t row);
    void end_stretch();
    // Some bin lacks bases that may still come.
    bool is_open() const { return end_ > begin_; }

  private:
    void emit(std::int64_t end);

    std::int64_t cell_, width_;
    CallEvents& events_;
    ThreadPool& pool_;
    std::int64_t begin_ = 0, end_ = 0;  // of the open bin's part
    std::vector<double> sum_;
    std::vector<float> averages_;
};

// Whether every marker has had one value in all cells so far. Once one differs nothing is looked at any more,
// so that a model that has learned something costs nothing.
class ConstantWatch {
  public:
    explicit ConstantWatch(int markers) : first_(static_cast<std::size_t>(markers)) {}

    bool watching() const { return watching_; }
    // Values of all markers in the same cells.
    template <typename RowOf>  // span of floats, of a marker
    void add(std::int64_t cells, const RowOf& row_of) {
        for (std::size_t m = 0; m < first_.size() && watching_ && cells > 0; ++m) {
            const std::span<const float> row = row_of(m);
            if (cells_ == 0) first_[m] = row.front();
            watching_ = std::all_of(row.begin(), row.end(), [&](float v) { return v == first_[m]; });
        }
        cells_ += cells;
    }
    // Some cells are not known.
    void stop() { watching_ = false; }
    // Of more than one cell.
    bool is_constant() const { return watching_ && cells_ > 1; }

  private:
    std::vector<float> first_;  // of each marker
    std::int64_t cells_ = 0;
    bool watching_ = true;
};

// Of an ensemble, values have a second row of each marker behind those of all: its spread.
enum class Spreads { none, for_table, told };  // goes nowhere else, or to the events too

// Takes tiles in ascending order. Cells whose bases are all N get no value and end an interval.
class CallSink {
  public:
    // `intervals`: called cells are wanted, of values too. A `width` above the `cell` averages values. What
    // the model predicts is at most `largest`; the plan says what is made of it. Both it and `events`, which
    // begins the contigs, must outlive the sink.
    CallSink(CallEvents& events, bool intervals, const CallPlan& plan, std::int64_t cell, std::int64_t width,
             float largest, ThreadPool& pool, Spreads spreads = Spreads::none);

    // Values of cells go there as well. It must outlive the sink.
    void set_table(RegionTable& table) { table_ = &table; }
    // Predictions of the cells of these bases from `begin` on; the end of what is known may cut the first and
    // the last. Error(input) when one is not a number from 0 to `largest`. Values [rows][cells] where values
    // are wanted,
    void values(std::int64_t begin, std::span<const std::uint8_t> codes, std::span<const float> values);
    // or the called cells (runs of sample 0, in cells from the one that holds `begin` on) where they want
    // intervals alone.
    void called(std::int64_t begin, std::span<const std::uint8_t> codes, const CalledRuns& called);
    // Nothing contiguous follows.
    void end_region();

    // Whether all bases so far have gone on, and so a run may go on from here: no bin is open.
    bool is_settled() const { return !bins_.is_open(); }
    // So many bases were seen by a run that this one goes on from.
    void go_on(std::int64_t bases, std::int64_t n_bases);
    std::int64_t bases() const { return bases_; }
    std::int64_t n_bases() const { return n_bases_; }
    // More than one cell has values, and all have the same, marker for marker. Of intervals only called cells
    // are known: false where some are not called.
    bool is_constant() const { return watch_.is_constant(); }

  private:
    void watch_values(std::int64_t begin, KnownStretch known, std::span<const float> values,
                      std::int64_t row);
    void watch_called(std::int64_t cells, std::int64_t known, const CalledRuns& called);
    std::span<const KnownStretch> known(std::int64_t begin, std::span<const std::uint8_t> codes);
    [[noreturn]] void refuse(std::int64_t begin) const;
    void stretch(std::int64_t begin, std::int64_t end, std::span<const float> values, std::int64_t row);
    void end_values();
    std::span<const float> mapped(std::span<const float> values, std::int64_t row);
    void take(std::int64_t begin, const CalledRuns& called);

    CallEvents& events_;
    ThreadPool& pool_;
    const CallPlan& plan_;
    int markers_, rows_;  // of values: more where they have spreads
    bool intervals_wanted_;
    RegionTable* table_ = nullptr;
    std::int64_t cell_, width_;
    float largest_;
    BinAverager bins_;
    ConstantWatch watch_;
    std::vector<KnownStretch> known_;
    CalledRuns called_;                    // of values, or changed by the plan's knots
    std::vector<CalledRuns> called_rows_;  // of values, one a marker
    std::vector<float> mapped_;            // values, the same
    std::int64_t next_ = -1;               // the position behind the last stretch
    std::int64_t bases_ = 0, n_bases_ = 0;
};

}  // namespace regkit
