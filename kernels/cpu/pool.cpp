// Max-pooling. Where windows reach beyond the row, it is copied between minus infinities. With a small stride
// the maximum (or its tap) is found at every position, where windows are vectors side by side, and every
// stride-th is kept; with a large one windows are gathered. A window without any position of the row gives 0
// and takes no gradient.
#include <algorithm>
#include <limits>

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::guarded;
using cpu::round_up;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;

namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();

constexpr int kLargeStride = 5;  // a vector's gather costs about as much as five loads and comparisons

// One row's results: of output p at p * step.
struct PoolRow {
    const float* body;  // position 0
    float* value;
    std::int32_t* tap;
};

struct PoolPlan {
    PoolGeometry geometry;
    std::int64_t step;  // between outputs in what the kernel finds
    std::int64_t found, before, size, count;
    bool inside;  // no window reaches beyond the row
    const std::int64_t* offset;

    PoolPlan(const PoolGeometry& g, std::int64_t length, std::int64_t outputs, cpu::Scratch& scratch)
        : geometry(g), step(g.stride < kLargeStride ? g.stride : 1) {
        const std::int64_t positions = (outputs - 1) * g.stride + 1;
        found = step == g.stride ? positions : outputs;
        before = round_up(g.pad_left, cpu::kAlign);
        const std::int64_t reach = std::int64_t{g.width - 1} * g.dilation;
        inside = g.pad_left == 0 && positions + reach <= length;
        size =
            inside ? 0 : round_up(before + std::max(length, positions + reach) + cpu::kOverrun, cpu::kAlign);
        count = round_up(found, cpu::kAlign);
        std::int64_t* const offsets = scratch.get<std::int64_t>(Slot::offsets, g.width);
        for (int t = 0; t < g.width; ++t) offsets[t] = std::int64_t{t} * g.dilation - g.pad_left;
        offset = offsets;
    }
    std::int64_t floats_a_worker() const { return size + 2 * count; }
    PoolRow fill(float* memory, const float* row, std::int64_t length) const {
        float* const value = memory + size;
        std::int32_t* const tap = reinterpret_cast<std::int32_t*>(value + count);
        if (inside) return {row, value, tap};
        std::fill_n(memory, size, kNone);
        std::copy_n(row, length, memory + before);
        return {memory + before, value, tap};
    }
    cpu::PoolArgs args(const PoolRow& row) const {
        return {row.body, offset, geometry.width, step == geometry.stride ? 1 : geometry.stride, found};
    }
    // The first position of the row in the window of output p; -1: it holds none.
    std::int64_t first_position(std::int64_t p, std::int64_t length) const {
        for (int t = 0; t < geometry.width; ++t) {
            const std::int64_t q = p * geometry.stride + offset[t];
            if (q >= 0 && q < length) return q;
        }
        return -1;
    }
};

}  // namespace

Status CpuBackend::run(const Pool& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), y = rows_of(op.y);
        const PoolPlan plan(op.geometry, x.length, y.length, scratch_);
        float* const memory = scratch_.get<float>(Slot::worker, plan.floats_a_worker() * pool_.workers());
        parallel(x.batch * x.channels, [&](std::int64_t task, int worker) {
            const std::int64_t s = task / x.channels, c = task % x.channels;
            const PoolRow row = plan.fill(memory + worker * plan.floats_a_worker(), x.row(s, c), x.length);
            kernels_.pool->max(plan.args(row), row.value);
            float* const to = y.row(s, c);
            for (std::int64_t p = 0; p < y.length; ++p) {
                const float value = row.value[p * plan.step];
                to[p] = value != kNone || plan.first_position(p, x.length) >= 0 ? value : 0.0f;
            }
            y.zero_edges(to);
        });
    });
}

Status CpuBackend::run(const PoolGrad& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), dy = rows_of(op.dy), dx = rows_of(op.dx);
        const PoolPlan plan(op.geometry, x.length, dy.length, scratch_);
        float* const memory = scratch_.get<float>(Slot::worker, plan.floats_a_worker() * pool_.workers());
        parallel(x.batch * x.channels, [&](std::int64_t task, int worker) {
            const std::int64_t s = task / x.channels, c = task % x.channels;
            const PoolRow row = plan.fill(memory + worker * plan.floats_a_worker(), x.row(s, c), x.length);
            kernels_.pool->argmax(plan.args(row), row.tap);
            float* const to = dx.row(s, c);
            const float* const from = dy.row(s, c);
            if (!op.accumulate) {
                std::fill_n(to, dx.length, 0.0f);
                dx.zero_edges(to);
            }
            for (std::int64_t p = 0; p < dy.length; ++p) {
                std::int64_t q = p * op.geometry.stride + plan.offset[row.tap[p * plan.step]];
                // What stands beside the row won: all of the window is minus infinity.
                if (q < 0 || q >= x.length) q = plan.first_position(p, x.length);
                if (q >= 0) to[q] += from[p];
            }
        });
    });
}

}  // namespace regkit
