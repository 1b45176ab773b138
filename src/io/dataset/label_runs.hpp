// From intervals to the bins in which a marker is present.
#pragma once

#include <algorithm>
#include <cstdint>

namespace regkit {

// Walks over intervals of one marker (members `begin` and `end`; sorted, disjoint, from position 0 on) and
// calls emit(first, last) for each run of adjacent bins [first, last), in output positions, of which the
// intervals cover `needed` bases or more (LabelLayout::needed(); 1 <= needed <= bin). The time depends on the
// intervals alone, not on the bases that they cover. With bins of one base the runs are the intervals, and
// those that touch are one.
template <class Iterator, class Emit>
void for_label_runs(Iterator begin, Iterator end, std::int64_t bin, std::int64_t needed, Emit&& emit) {
    std::int64_t first = 0, last = 0;  // positive bins not yet emitted
    const auto add = [&](std::int64_t from, std::int64_t to) {
        if (from != last || first == last) {
            if (last > first) emit(first, last);
            first = from;
        }
        last = to;
    };
    std::int64_t at = 0, covered = 0;  // the bin that the next interval may reach into as well
    const auto finish = [&] {
        if (covered >= needed) add(at, at + 1);
    };
    for (; begin != end; ++begin) {
        const std::int64_t from = begin->begin, to = begin->end;
        const std::int64_t head = from / bin, tail = (to - 1) / bin;
        if (head != at) {
            finish();
            at = head;
            covered = 0;
        }
        if (tail > head) {
            covered += (head + 1) * bin - from;
            finish();
            if (tail > head + 1) add(head + 1, tail);  // covered whole
            at = tail;
            covered = 0;
        }
        covered += to - std::max(from, tail * bin);
    }
    finish();
    if (last > first) emit(first, last);
}

}  // namespace regkit
