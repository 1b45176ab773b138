// Max-pooling. A row is copied between minus infinities, the maximum (or its tap) is found at every position,
// and every stride-th is kept. A window without any position of the row gives 0 and takes no gradient.
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

// A worker's copy of one row, and the results at stride 1.
struct PoolRow {
    float* body;  // position 0
    float* value;
    std::int32_t* tap;
};

struct PoolPlan {
    PoolGeometry geometry;
    std::int64_t positions;  // at stride 1
    std::int64_t before, size, count;
    const std::int64_t* offset;

    PoolPlan(const PoolGeometry& g, std::int64_t length, std::int64_t outputs, cpu::Scratch& scratch)
        : geometry(g) {
        positions = (outputs - 1) * g.stride + 1;
        before = round_up(g.pad_left, cpu::kAlign);
        const std::int64_t reach = std::int64_t{g.width - 1} * g.dilation;
        size = round_up(before + std::max(length, positions + reach) + cpu::kOverrun, cpu::kAlign);
        count = round_up(positions, cpu::kAlign);
        std::int64_t* const offsets = scratch.get<std::int64_t>(Slot::offsets, g.width);
        for (int t = 0; t < g.width; ++t) offsets[t] = std::int64_t{t} * g.dilation - g.pad_left;
        offset = offsets;
    }
    std::int64_t floats_a_worker() const { return size + 2 * count; }
    PoolRow fill(float* memory, const float* row, std::int64_t length) const {
        std::fill_n(memory, size, kNone);
        std::copy_n(row, length, memory + before);
        float* const value = memory + size;
        return {memory + before, value, reinterpret_cast<std::int32_t*>(value + count)};
    }
    // Whether the window of output p holds a position of the row.
    bool has_position(std::int64_t p, std::int64_t length) const {
        for (int t = 0; t < geometry.width; ++t) {
            const std::int64_t q = p * geometry.stride + offset[t];
            if (q >= 0 && q < length) return true;
        }
        return false;
    }
};

}  // namespace

Status CpuBackend::do_pool(const View& x_view, const PoolGeometry& geometry, const View& y_view) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view), y = rows_of(y_view);
        const PoolPlan plan(geometry, x.length, y.length, scratch_);
        float* const memory = scratch_.get<float>(Slot::worker, plan.floats_a_worker() * pool_.workers());
        parallel(x.batch * x.channels, [&](std::int64_t task, int worker) {
            const std::int64_t s = task / x.channels, c = task % x.channels;
            const PoolRow row = plan.fill(memory + worker * plan.floats_a_worker(), x.row(s, c), x.length);
            kernels_.pool->max(row.body, plan.offset, geometry.width, plan.positions, row.value);
            float* const to = y.row(s, c);
            for (std::int64_t p = 0; p < y.length; ++p) {
                const float value = row.value[p * geometry.stride];
                to[p] = value != kNone || plan.has_position(p, x.length) ? value : 0.0f;
            }
            y.zero_edges(to);
        });
    });
}

Status CpuBackend::do_pool_grad(const View& x_view, const View& dy_view, const PoolGeometry& geometry,
                                bool accumulate, const View& dx_view) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view), dy = rows_of(dy_view), dx = rows_of(dx_view);
        const PoolPlan plan(geometry, x.length, dy.length, scratch_);
        float* const memory = scratch_.get<float>(Slot::worker, plan.floats_a_worker() * pool_.workers());
        parallel(x.batch * x.channels, [&](std::int64_t task, int worker) {
            const std::int64_t s = task / x.channels, c = task % x.channels;
            const PoolRow row = plan.fill(memory + worker * plan.floats_a_worker(), x.row(s, c), x.length);
            kernels_.pool->argmax(row.body, plan.offset, geometry.width, plan.positions, row.tap);
            float* const to = dx.row(s, c);
            const float* const from = dy.row(s, c);
            if (!accumulate) {
                std::fill_n(to, dx.length, 0.0f);
                dx.zero_edges(to);
            }
            for (std::int64_t p = 0; p < dy.length; ++p) {
                const std::int64_t q = p * geometry.stride + plan.offset[row.tap[p * geometry.stride]];
                if (q >= 0 && q < x.length) to[q] += from[p];
            }
        });
    });
}

}  // namespace regkit
