// What the LSTM's forward pass and gradient share: who does which samples, and blocks of time steps turned
// into rows of units.
//
// Tensors hold time along their rows, but the recurrence needs all units of one step: a task (one direction,
// a range of samples) turns kSteps steps at a time (a cache line of every row) into [step][sample][unit],
// works on them, and turns the results back. Units are padded to a multiple of 16; in the padding hidden and
// cell values and all gradients are zero. Lanes are units, so that neither the number of samples nor how they
// are shared out touches a sum.
#pragma once

#include <algorithm>

#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/panel.hpp"

namespace regkit::cpu {

inline constexpr std::int64_t kSteps = 16;
inline constexpr std::int64_t kSlots = kSteps + 2;  // a block's steps, and the one before and after
inline constexpr std::int64_t kMostSamples = 32;    // of a task: a step of 32 x 4 x 320 gates is 160 KB

struct LstmShape {
    std::int64_t batch = 0, length = 0, hidden = 0, directions = 0;
    std::int64_t units = 0;   // hidden, padded
    std::int64_t groups = 0;  // ranges of samples

    LstmShape(const Rows& gates, int hidden_units, int direction_count, int workers)
        : batch(gates.batch),
          length(gates.length),
          hidden(hidden_units),
          directions(direction_count),
          units(round_up(hidden_units, kAlign)),
          groups(std::min(batch, std::max(ceil_div(workers, directions), ceil_div(batch, kMostSamples)))) {}

    std::int64_t tasks() const { return directions * groups; }
    std::int64_t most_samples() const { return ceil_div(batch, groups); }
};

// One task, and its samples' rows as seen from it.
struct LstmTask {
    const LstmShape& shape;
    const TailKernels& kernels;
    std::int64_t direction, first, count;  // samples [first, first + count)

    LstmTask(const LstmShape& s, const TailKernels& k, std::int64_t task)
        : shape(s),
          kernels(k),
          direction(task / s.groups),
          first(s.batch * (task % s.groups) / s.groups),
          count(s.batch * (task % s.groups + 1) / s.groups - first) {}

    // Floats of one step of `parts` vectors of units (gates: 4).
    std::int64_t step(int parts) const { return count * parts * shape.units; }
    // The step before, in the order of the recurrence, is this many slots away.
    std::int64_t before() const { return direction == 0 ? -1 : 1; }

    // Steps [begin, end) of the direction's channels to slots from `to` on, or back.
    void load(const Rows& rows, int parts, std::int64_t begin, std::int64_t end, float* to) const {
        for_each_part(rows, parts, [&](float* row, std::int64_t offset) {
            transpose(kernels, row + begin, rows.stride, shape.hidden, end - begin, to + offset, step(parts));
        });
    }
    void store(const float* from, int parts, std::int64_t begin, std::int64_t end, const Rows& rows) const {
        for_each_part(rows, parts, [&](float* row, std::int64_t offset) {
            transpose(kernels, from + offset, step(parts), end - begin, shape.hidden, row + begin,
                      rows.stride);
        });
    }
    void zero_edges(const Rows& rows) const {
        for_each_part(rows, 1, [&](float* row, std::int64_t) {
            for (std::int64_t u = 0; u < shape.hidden; ++u) rows.zero_edges(row + u * rows.stride);
        });
    }

  private:
    // body(first row of `hidden` channels, where its units lie in a step)
    template <typename Body>
    void for_each_part(const Rows& rows, int parts, const Body& body) const {
        for (std::int64_t s = 0; s < count; ++s)
            for (int part = 0; part < parts; ++part)
                body(rows.row(first + s, (direction * parts + part) * shape.hidden),
                     (s * parts + part) * shape.units);
    }
};

}  // namespace regkit::cpu
