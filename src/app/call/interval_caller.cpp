// Each marker has one open interval, which grows while runs follow within the gap, and is closed, measured
// and kept or dropped. Markers are worked on side by side; their intervals meet in a heap that lets out only
// what begins before every open one, since nothing earlier can come any more. A heap that grows too large
// goes to a temporary file as a sorted run, and runs and heap are merged.
#include "app/call/interval_caller.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::size_t kRunBuffer = 1024;  // intervals read back at a time

bool before(const CalledInterval& a, const CalledInterval& b) {
    return std::tie(a.begin, a.end, a.marker) < std::tie(b.begin, b.end, b.marker);
}

bool after(const CalledInterval& a, const CalledInterval& b) {
    return before(b, a);
}

}  // namespace

void IntervalSorter::push(const CalledInterval& called) {
    heap_.push_back(called);
    std::push_heap(heap_.begin(), heap_.end(), after);
    if (heap_.size() >= in_memory_) spill();
}

void IntervalSorter::spill() {
    std::sort(heap_.begin(), heap_.end(), before);
    if (!spool_) spool_ = std::make_unique<Spool>();
    Run run;
    run.offset =
        spool_->append({reinterpret_cast<const char*>(heap_.data()), heap_.size() * sizeof heap_[0]});
    run.left = heap_.size();
    heap_.clear();
    refill(run);
    runs_.push_back(std::move(run));
}

bool IntervalSorter::refill(Run& run) {
    const std::size_t n = std::min<std::uint64_t>(run.left, kRunBuffer);
    run.buffer.resize(n);
    run.next = 0;
    if (n == 0) return false;
    spool_->read(run.offset, {reinterpret_cast<char*>(run.buffer.data()), n * sizeof(CalledInterval)});
    run.offset += n * sizeof(CalledInterval);
    run.left -= n;
    return true;
}

void IntervalSorter::release(std::int64_t bound, const std::function<void(const CalledInterval&)>& out) {
    for (;;) {
        Run* first = nullptr;
        for (Run& run : runs_)
            if (first == nullptr || before(run.buffer[run.next], first->buffer[first->next])) first = &run;
        const bool in_heap =
            !heap_.empty() && (first == nullptr || before(heap_.front(), first->buffer[first->next]));
        if (!in_heap && first == nullptr) break;
        const CalledInterval next = in_heap ? heap_.front() : first->buffer[first->next];
        if (next.begin >= bound) break;
        out(next);
        if (in_heap) {
            std::pop_heap(heap_.begin(), heap_.end(), after);
            heap_.pop_back();
        } else if (++first->next == first->buffer.size() && !refill(*first)) {
            runs_.erase(runs_.begin() + (first - runs_.data()));
        }
    }
    if (runs_.empty()) spool_.reset();  // gives the disk back
}

IntervalCaller::IntervalCaller(std::vector<CallRules> rules, std::int64_t resolution)
    : rules_(std::move(rules)), resolution_(resolution), states_(rules_.size()) {}

void IntervalCaller::add(std::int64_t begin, std::span<const KnownStretch> stretches,
                         const CalledRuns& called, ThreadPool& pool) {
    if (stretches.empty()) return;
    // Runs come sorted by marker.
    first_.assign(states_.size() + 1, 0);
    for (const CalledRun& run : called.runs) ++first_[static_cast<std::size_t>(run.marker) + 1];
    for (std::size_t m = 0; m < states_.size(); ++m) first_[m + 1] += first_[m];
    pool.run(static_cast<std::int64_t>(states_.size()), [&](std::int64_t marker, int) {
        const auto m = static_cast<std::size_t>(marker);
        scan(static_cast<std::int32_t>(marker), begin / resolution_, stretches, called,
             std::span(called.runs).subspan(first_[m], first_[m + 1] - first_[m]));
    });
    position_ = stretches.back().end;
}

// All that is not in a run is below the marker's cutoff.
void IntervalCaller::scan(std::int32_t marker, std::int64_t first_cell,
                          std::span<const KnownStretch> stretches, const CalledRuns& called,
                          std::span<const CalledRun> runs) {
    State& s = nth(states_, marker);
    const std::int64_t size = resolution_, merge_gap = nth(rules_, marker).merge_gap;
    std::int64_t before = position_;
    auto run = runs.begin();
    for (const KnownStretch& stretch : stretches) {
        if (s.any && stretch.begin != before) close(s, marker);
        before = stretch.end;
        const std::int64_t low = stretch.begin / size - first_cell,
                           high = (stretch.end - 1) / size + 1 - first_cell;
        while (run != runs.end() && run->end <= low) ++run;
        for (auto r = run; r != runs.end() && r->begin < high; ++r) {
            const std::int64_t from = std::max<std::int64_t>(r->begin, low),
                               to = std::min<std::int64_t>(r->end, high);
            const std::int64_t begin = std::max(stretch.begin, (first_cell + from) * size);
            if (s.any && begin - s.end > merge_gap) close(s, marker);
            take(s, {begin, std::min(stretch.end, (first_cell + to) * size)},
                 called.values_of(*r).subspan(static_cast<std::size_t>(from - r->begin),
                                              static_cast<std::size_t>(to - from)));
        }
        if (s.any && stretch.end - s.end > merge_gap) close(s, marker);
    }
}

// `values` of the cells that these bases lie in, all called.
void IntervalCaller::take(State& s, KnownStretch bases, std::span<const float> values) const {
    if (!s.any) {
        s.any = true;
        s.begin = bases.begin;
        s.max = -std::numeric_limits<float>::infinity();
        s.sum = 0;
        s.called = 0;
    }
    float max = s.max;
    double sum = s.sum;
    std::size_t best = values.size();
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] > max) {
            max = values[i];
            best = i;
        }
        sum += static_cast<double>(values[i]);
    }
    if (best < values.size()) {
        const std::int64_t size = resolution_, cell = bases.begin / size + static_cast<std::int64_t>(best);
        const std::int64_t begin = std::max(bases.begin, cell * size),
                           end = std::min(bases.end, (cell + 1) * size);
        s.summit = begin + (end - begin) / 2;
        s.max = max;
    }
    s.sum = sum;
    s.called += static_cast<std::int64_t>(values.size());
    s.end = bases.end;
}

void IntervalCaller::close(State& s, std::int32_t marker) const {
    s.any = false;
    const CallRules& rules = nth(rules_, marker);
    if (s.max < rules.seed) return;
    if (s.end - s.begin < rules.min_length) {
        ++s.dropped;
        return;
    }
    CalledInterval called;
    called.begin = s.begin;
    called.end = s.end;
    called.summit = s.summit - s.begin;
    called.marker = marker;
    called.max = s.max;
    called.mean = static_cast<float>(s.sum / static_cast<double>(s.called));
    s.done.push_back(called);
}

void IntervalCaller::end_stretch() {
    for (std::size_t m = 0; m < states_.size(); ++m)
        if (states_[m].any) close(states_[m], static_cast<std::int32_t>(m));
}

void IntervalCaller::release(int contig, const std::function<void(const CalledInterval&)>& out) {
    std::int64_t bound = INT64_MAX;
    for (State& s : states_) {
        if (s.any) bound = std::min(bound, s.begin);
        for (CalledInterval& called : s.done) {
            called.contig = contig;
            sorter_.push(called);
        }
        s.done.clear();
    }
    sorter_.release(bound, out);
}

std::int64_t IntervalCaller::settled() const {
    std::int64_t settled = position_;
    for (const State& s : states_)
        if (s.any) settled = std::min(settled, s.begin);
    return settled;
}

std::int64_t IntervalCaller::dropped() const {
    std::int64_t sum = 0;
    for (const State& s : states_) sum += s.dropped;
    return sum;
}

}  // namespace regkit
