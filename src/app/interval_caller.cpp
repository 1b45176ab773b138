#include "app/interval_caller.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace regkit {
namespace {

constexpr std::size_t kRunBuffer = 1024;  // intervals read back at a time

bool before(const CalledInterval& a, const CalledInterval& b) {
    return std::tie(a.begin, a.end, a.marker) < std::tie(b.begin, b.end, b.marker);
}

bool after(const CalledInterval& a, const CalledInterval& b) {
    return before(b, a);
}

// Index of the first value >= cutoff from `i` on, values.size() if there is none. Most of the genome is below.
std::size_t find_called(std::span<const float> values, std::size_t i, float cutoff) {
    constexpr std::size_t kBlock = 32;
    for (; i + kBlock <= values.size(); i += kBlock) {
        unsigned any = 0;
        for (std::size_t k = 0; k < kBlock; ++k) any |= values[i + k] >= cutoff ? 1u : 0u;
        if (any != 0) break;
    }
    while (i < values.size() && !(values[i] >= cutoff)) ++i;
    return i;
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
    run.offset = spool_->append({reinterpret_cast<const char*>(heap_.data()), heap_.size() * sizeof heap_[0]});
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
        const bool in_heap = !heap_.empty() && (first == nullptr || before(heap_.front(), first->buffer[first->next]));
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

IntervalCaller::IntervalCaller(int markers, const CallRules& rules)
    : rules_(rules), states_(static_cast<std::size_t>(markers)) {}

void IntervalCaller::add(std::int64_t begin, std::int64_t end, std::span<const float> values, std::int64_t row,
                         ThreadPool& pool) {
    if (begin != position_) end_stretch();
    const auto cells = static_cast<std::size_t>((end - 1) / rules_.resolution - begin / rules_.resolution + 1);
    pool.run(static_cast<std::int64_t>(states_.size()), [&](std::int64_t marker, int) {
        scan(states_[static_cast<std::size_t>(marker)], static_cast<std::int32_t>(marker), begin, end,
             values.subspan(static_cast<std::size_t>(marker * row), cells));
    });
    position_ = end;
}

void IntervalCaller::scan(State& s, std::int32_t marker, std::int64_t begin, std::int64_t end,
                          std::span<const float> values) const {
    const std::int64_t first = begin / rules_.resolution;
    const auto cell_begin = [&](std::size_t i) {
        return std::max(begin, (first + static_cast<std::int64_t>(i)) * rules_.resolution);
    };
    for (std::size_t i = 0; i < values.size();) {
        if (s.inside) {
            for (; i < values.size() && values[i] >= rules_.cutoff; ++i)
                take(s, cell_begin(i), std::min(end, cell_begin(i + 1)), values[i]);
            if (i < values.size()) s.inside = false;
        } else {
            i = find_called(values, i, rules_.cutoff);
            if (i < values.size()) {
                if (s.any && cell_begin(i) - s.end > rules_.merge_gap) close(s, marker);
                s.inside = true;
            }
        }
    }
    if (s.any && !s.inside && end - s.end > rules_.merge_gap) close(s, marker);
}

void IntervalCaller::take(State& s, std::int64_t begin, std::int64_t end, float value) {
    const bool first = !s.any;
    if (first) {
        s.any = true;
        s.begin = begin;
        s.sum = 0;
        s.called = 0;
    }
    if (first || value > s.max) {
        s.max = value;
        s.summit = begin + (end - begin) / 2;
    }
    s.end = end;
    s.sum += static_cast<double>(value);
    ++s.called;
}

void IntervalCaller::close(State& s, std::int32_t marker) const {
    s.any = s.inside = false;
    if (s.end - s.begin < rules_.min_length) {
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

std::int64_t IntervalCaller::dropped() const {
    std::int64_t sum = 0;
    for (const State& s : states_) sum += s.dropped;
    return sum;
}

}  // namespace regkit
