// Where the windows of a data set may lie on a contig.
#pragma once

#include <cstdint>

#include "app/dataset/interval_set.hpp"
#include "io/dataset/dataset.hpp"

namespace regkit {

// Window k begins at k * span - offset, so that the labelled spans lie side by side from the contig's first
// base on. The first and last windows may stick out of the contig.
struct WindowGrid {
    LabelLayout layout;
    std::int64_t window = 0;

    std::int64_t count(std::int64_t length) const { return (length + layout.span() - 1) / layout.span(); }
    std::int64_t begin(std::int64_t k) const { return k * layout.span() - layout.offset; }
    bool inside(std::int64_t k, std::int64_t length) const {
        return begin(k) >= 0 && begin(k) + window <= length;
    }
    std::int64_t number(std::int64_t begin) const { return (begin + layout.offset) / layout.span(); }
};

// Bases that runs cover, for windows asked for in ascending order.
class WindowCover {
  public:
    WindowCover(const BaseRun* first, const BaseRun* last) : begin_{first, last}, end_{first, last} {}

    std::int64_t of(std::int64_t begin, std::int64_t end) { return end_.before(end) - begin_.before(begin); }

  private:
    struct Cursor {
        const BaseRun* run;
        const BaseRun* last;
        std::int64_t sum = 0;  // of the runs passed

        std::int64_t before(std::int64_t position) {
            for (; run != last && run->end <= position; ++run) sum += run->end - run->begin;
            return sum + (run != last && run->begin < position ? position - run->begin : 0);
        }
    };
    Cursor begin_, end_;
};

}  // namespace regkit
