// Rows of kept windows with changed values among them: copies of stretches, one sample and channel a task.
#include <algorithm>

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::ceil_div;
using cpu::guarded;
using cpu::Rows;
using cpu::rows_of;

namespace {

// to[j] = from[first + j * step] for j in [begin, end), 0 where the row of `length` does not hold that.
void take(const float* from, std::int64_t length, std::int64_t first, std::int64_t step, std::int64_t begin,
          std::int64_t end, float* to) {
    if (begin >= end) return;
    const std::int64_t low = std::clamp(ceil_div(std::max<std::int64_t>(-first, 0), step), begin, end);
    const std::int64_t held = first < length ? ceil_div(length - first, step) : 0;
    const std::int64_t high = std::clamp(held, low, end);
    std::fill(to + begin, to + low, 0.0f);
    if (step == 1)
        std::copy(from + first + low, from + first + high, to + low);
    else
        for (std::int64_t j = low; j < high; ++j) to[j] = from[first + j * step];
    std::fill(to + high, to + end, 0.0f);
}

// How many of first, first + step, ..., `count` of them, lie before `position`, which may be the largest
// number there is.
std::int64_t before(std::int64_t first, std::int64_t step, std::int64_t count, std::int64_t position) {
    if (position <= first) return 0;
    return position >= first + count * step ? count : ceil_div(position - first, step);
}

}  // namespace

Status CpuBackend::run(const Splice& op) noexcept {
    return guarded([&] {
        const Rows left = rows_of(op.left), right = rows_of(op.right), y = rows_of(op.y);
        const Rows changed = op.changed.data ? rows_of(op.changed) : Rows{};
        parallel(y.batch * y.channels, [&](std::int64_t task, int) {
            const std::int64_t s = task / y.channels, c = task % y.channels;
            const SplicePiece& piece = op.pieces[static_cast<std::size_t>(s)];
            float* const to = y.row(s, c);
            const std::int64_t border = before(piece.first, op.step, y.length, piece.border);
            take(left.row(piece.left, c), left.length, piece.first, op.step, 0, border, to);
            take(right.row(piece.right, c), right.length, piece.first - piece.shift, op.step, border,
                 y.length, to);
            y.zero_edges(to);
            // Changed values lie on every `every`-th place, if on any.
            const std::int64_t offset = piece.changed - piece.first, every = op.changed_step / op.step;
            if (!op.changed.data || offset % op.step != 0) return;
            const float* const from = changed.row(s, c);
            const std::int64_t place = offset / op.step;
            const std::int64_t first = place < 0 ? ceil_div(-place, every) : 0;
            for (std::int64_t i = first; i < changed.length && place + i * every < y.length; ++i)
                to[place + i * every] = from[i];
        });
    });
}

}  // namespace regkit
