// First every value is checked to be one, then cells that are all N are taken out; what is left goes
// on as runs over the cutoff, or as values, averaged over bins where --resolution asks for it, or, where both
// are wanted, both ways: the runs are then taken from the values. A bin's sum is carried from tile to tile
// and formed in ascending order, so that the output does not show where tiles ended.
#include "app/call/call_sink.hpp"

#include <algorithm>

#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {

namespace {

// The cells of `size` bases that bases [begin, end) lie in.
struct Cells {
    std::int64_t begin, end, size;

    std::int64_t count() const { return (end - 1) / size - begin / size + 1; }
    std::int64_t cell_begin(std::int64_t i) const { return std::max(begin, (begin / size + i) * size); }
    std::int64_t cell_end(std::int64_t i) const { return std::min(end, (begin / size + i + 1) * size); }
};

}  // namespace

BinAverager::BinAverager(int rows, std::int64_t cell, std::int64_t width, CallEvents& events,
                         ThreadPool& pool)
    : cell_(cell), width_(width), events_(events), pool_(pool), sum_(static_cast<std::size_t>(rows)) {}

// The open part, [begin_, end), as one value a marker.
void BinAverager::emit(std::int64_t end) {
    const double count = static_cast<double>(end - begin_);
    averages_.resize(sum_.size());
    for (std::size_t m = 0; m < sum_.size(); ++m) {
        averages_[m] = static_cast<float>(sum_[m] / count);
        sum_[m] = 0;
    }
    events_.values(begin_, end - begin_, 1, averages_, 1);
    begin_ = end;
}

void BinAverager::end_stretch() {
    if (end_ > begin_) emit(end_);
    begin_ = end_ = 0;
}

void BinAverager::add(std::int64_t begin, std::int64_t end, std::span<const float> values, std::int64_t row) {
    if (begin != end_) {
        end_stretch();
        begin_ = begin;
    }
    end_ = end;
    const Cells cells{begin, end, cell_};
    const std::int64_t markers = static_cast<std::int64_t>(sum_.size());
    const auto add_up = [&](double sum, std::int64_t m, std::int64_t from, std::int64_t to) {
        const float* v = values.data() + m * row;
        for (std::int64_t i = from / cell_ - begin / cell_; i < cells.count() && cells.cell_begin(i) < to;
             ++i)
            sum += static_cast<double>(v[i]) * static_cast<double>(cells.cell_end(i) - cells.cell_begin(i));
        return sum;
    };
    // The open bin first.
    const std::int64_t open_end = std::min(end, (begin_ / width_ + 1) * width_);
    pool_.run(markers, [&](std::int64_t m, int) {
        double& sum = nth(sum_, m);
        sum = add_up(sum, m, begin, open_end);
    });
    if (open_end % width_ != 0) return;
    emit(open_end);
    // Whole bins, then the start of the next. What is open ended with a bin, so with a cell too, and the
    // cells of whole bins are whole.
    const std::int64_t bins = (end - open_end) / width_, each = width_ / cell_;
    const auto weight = static_cast<double>(cell_), bases = static_cast<double>(width_);
    averages_.resize(static_cast<std::size_t>(markers * bins));
    pool_.run(markers, [&](std::int64_t m, int) {
        const float* v = values.data() + m * row + (open_end / cell_ - begin / cell_);
        float* const to = averages_.data() + m * bins;
        for (std::int64_t b = 0; b < bins; ++b) {
            double sum = 0;
            for (std::int64_t i = 0; i < each; ++i) sum += static_cast<double>(*v++) * weight;
            to[b] = static_cast<float>(sum / bases);
        }
        nth(sum_, m) = add_up(0, m, open_end + bins * width_, end);
    });
    if (bins > 0) events_.values(open_end, width_, bins, averages_, bins);
    begin_ = open_end + bins * width_;
}

CallSink::CallSink(CallEvents& events, bool intervals, const CallPlan& plan, std::int64_t cell,
                   std::int64_t width, float largest, ThreadPool& pool, Spreads spreads)
    : events_(events),
      pool_(pool),
      plan_(plan),
      markers_(static_cast<int>(plan.rules.size())),
      rows_(spreads == Spreads::none ? markers_ : 2 * markers_),
      intervals_wanted_(intervals),
      cell_(cell),
      width_(width),
      largest_(largest),
      bins_(spreads == Spreads::told ? rows_ : markers_, cell, width, events, pool),
      watch_(markers_) {
    if (intervals) called_rows_.resize(static_cast<std::size_t>(markers_));
}

void CallSink::refuse(std::int64_t begin) const {
    throw Error(ErrorKind::input, std::string("the model predicts something that is no ") +
                                      (largest_ == 1.0f ? "probability" : "coverage") + " near position " +
                                      std::to_string(begin + 1));
}

// Where cells have values; counts the bases.
std::span<const KnownStretch> CallSink::known(std::int64_t begin, std::span<const std::uint8_t> codes) {
    const Cells cells{begin, begin + static_cast<std::int64_t>(codes.size()), cell_};
    const std::int64_t count = cells.count();
    const auto is_n = [&](std::int64_t i) {
        const auto first = codes.begin() + (cells.cell_begin(i) - begin);
        return std::all_of(first, codes.begin() + (cells.cell_end(i) - begin),
                           [](std::uint8_t c) { return c == kCodeN; });
    };
    known_.clear();
    for (std::int64_t i = 0; i < count;) {
        const bool unknown = is_n(i);
        std::int64_t j = i + 1;
        while (j < count && is_n(j) == unknown) ++j;
        const std::int64_t from = cells.cell_begin(i), to = cells.cell_end(j - 1);
        if (unknown)
            n_bases_ += to - from;
        else
            known_.push_back({from, to});
        i = j;
    }
    bases_ += cells.end - cells.begin;
    return known_;
}

void CallSink::values(std::int64_t begin, std::span<const std::uint8_t> codes,
                      std::span<const float> values) {
    const std::int64_t row = Cells{begin, begin + static_cast<std::int64_t>(codes.size()), cell_}.count();
    // All that a row of values is read for while it lies in the cache.
    pool_.run(rows_, [&](std::int64_t m, int) {
        unsigned bad = 0;
        const float largest = largest_;
        const auto of_marker =
            values.subspan(static_cast<std::size_t>(m * row), static_cast<std::size_t>(row));
        for (const float v : of_marker)
            bad |= (v >= 0.0f ? 0u : 1u) | (v <= largest ? 0u : 1u);  // without a branch: vector code
        if (bad != 0) refuse(begin);
        if (!intervals_wanted_ || m >= markers_) return;
        CalledRuns& runs = nth(called_rows_, m);
        runs.clear();
        runs.append_row(0, static_cast<std::int32_t>(m), of_marker, nth(plan_.cutoffs, m));
    });
    const std::span<const float> shown = mapped(values, row);
    for (const KnownStretch& known : this->known(begin, codes)) {
        watch_values(begin, known, values, row);
        const auto here = shown.subspan(static_cast<std::size_t>(known.begin / cell_ - begin / cell_));
        stretch(known.begin, known.end, here, row);
        if (table_) table_->values(known, cell_, here, row);
    }
    if (!intervals_wanted_) return;
    called_.clear();
    for (const CalledRuns& of_marker : called_rows_)
        for (const CalledRun& run : of_marker.runs)
            called_.append(run.sample, run.marker, run.begin, of_marker.values_of(run));
    take(begin, called_);
}

std::span<const float> CallSink::mapped(std::span<const float> values, std::int64_t row) {
    if (!plan_.knots.any()) return values;
    mapped_.assign(values.begin(), values.end());
    pool_.run(markers_, [&](std::int64_t m, int) {
        plan_.knots.apply(static_cast<int>(m), std::span(mapped_).subspan(static_cast<std::size_t>(m * row),
                                                                          static_cast<std::size_t>(row)));
    });
    return mapped_;
}

// Runs over the model's own cutoffs, in the cells that known() gave.
void CallSink::take(std::int64_t begin, const CalledRuns& called) {
    if (plan_.knots.any()) {
        if (&called != &called_) called_ = called;
        for (const CalledRun& run : called_.runs)
            plan_.knots.apply(run.marker, std::span(called_.values)
                                              .subspan(static_cast<std::size_t>(run.first),
                                                       static_cast<std::size_t>(run.end - run.begin)));
    }
    events_.called(begin, known_, plan_.knots.any() ? called_ : called);
}

void CallSink::watch_values(std::int64_t begin, KnownStretch known, std::span<const float> values,
                            std::int64_t row) {
    if (!watch_.watching()) return;
    const std::int64_t cells = Cells{known.begin, known.end, cell_}.count();
    const auto first = static_cast<std::size_t>(known.begin / cell_ - begin / cell_);
    watch_.add(cells, [&](std::size_t marker) {
        return values.subspan(first + marker * static_cast<std::size_t>(row),
                              static_cast<std::size_t>(cells));
    });
}

// Where all of a tile is called its values are those of all cells. A tile with N in it tells nothing.
void CallSink::watch_called(std::int64_t cells, std::int64_t known, const CalledRuns& called) {
    if (!watch_.watching() || known < cells) return;
    const bool all = std::all_of(called.runs.begin(), called.runs.end(),
                                 [&](const CalledRun& run) { return run.end - run.begin == cells; });
    if (!all || called.runs.size() != static_cast<std::size_t>(markers_)) return watch_.stop();
    watch_.add(cells, [&](std::size_t marker) { return called.values_of(called.runs[marker]); });
}

void CallSink::called(std::int64_t begin, std::span<const std::uint8_t> codes, const CalledRuns& called) {
    for (const float v : called.values)
        if (!(v >= 0.0f && v <= largest_)) refuse(begin);
    const std::span<const KnownStretch> stretches = known(begin, codes);
    const auto end = begin + static_cast<std::int64_t>(codes.size());
    std::int64_t cells_known = 0;
    for (const KnownStretch& s : stretches) cells_known += Cells{s.begin, s.end, cell_}.count();
    watch_called(Cells{begin, end, cell_}.count(), cells_known, called);
    take(begin, called);
}

void CallSink::stretch(std::int64_t begin, std::int64_t end, std::span<const float> values,
                       std::int64_t row) {
    if (begin != next_) end_values();
    next_ = end;
    if (width_ > cell_) return bins_.add(begin, end, values, row);
    // Whole cells together, one that an end cuts by itself.
    const Cells cells{begin, end, cell_};
    for (std::int64_t i = 0, n = cells.count(); i < n;) {
        const std::int64_t span = cells.cell_end(i) - cells.cell_begin(i);
        std::int64_t j = i + 1;
        if (span == cell_) j = std::max(j, cells.cell_end(n - 1) % cell_ == 0 ? n : n - 1);
        events_.values(cells.cell_begin(i), span, j - i, values.subspan(static_cast<std::size_t>(i)), row);
        i = j;
    }
}

void CallSink::end_values() {
    next_ = -1;
    bins_.end_stretch();
}

void CallSink::end_region() {
    end_values();
    events_.end_region();
}

void CallSink::go_on(std::int64_t bases, std::int64_t n_bases) {
    bases_ = bases;
    n_bases_ = n_bases;
    watch_.stop();  // the values of those bases are not seen again
}

}  // namespace regkit
