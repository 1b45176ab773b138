// The LSTM's recurrence. The recurrent weights are packed once a call into strips of gates (panel.hpp); a
// step is one matrix product, samples x hidden times hidden x gates, that goes on from the input's
// projections, and the cell kernel (simd/lstm.cpp). Directions and ranges of samples are independent tasks.
#include "kernels/cpu/backend_impl.hpp"
#include "kernels/cpu/lstm_block.hpp"

namespace regkit {

using cpu::CellArgs;
using cpu::floats;
using cpu::guarded;
using cpu::kSlots;
using cpu::kSteps;
using cpu::LstmShape;
using cpu::LstmTask;
using cpu::Panel;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;

namespace {

// Strips of b[k][gate * units + u] = w[gate * hidden + u][k], for one direction; zero in the padding.
void pack_gates(const cpu::TileKernels& kernel, const LstmShape& shape, const float* w, float* strips) {
    const std::int64_t strip = kernel.strip;
    for (std::int64_t gate = 0; gate < 4; ++gate)
        for (std::int64_t u = 0; u < shape.hidden; ++u, w += shape.hidden) {
            const std::int64_t n = gate * shape.units + u;
            float* const to = strips + n / strip * shape.hidden * strip + n % strip;
            for (std::int64_t k = 0; k < shape.hidden; ++k) to[k * strip] = w[k];
        }
}

// One worker's arrays, of the largest task.
struct Memory {
    float *gates, *cell, *hidden;

    Memory(const LstmShape& shape, cpu::Carve& carve) {
        const std::int64_t step = shape.most_samples() * shape.units;
        gates = carve.take(kSteps * 4 * step);
        cell = carve.take(kSlots * step);
        hidden = carve.take(kSlots * step);
    }
};

}  // namespace

Status CpuBackend::run(const LstmRecurrence& op) noexcept {
    return guarded([&] {
        const Rows gates = rows_of(op.gates), cell = rows_of(op.cell), y = rows_of(op.y);
        const LstmShape shape(gates, op.hidden, op.directions, pool_.workers());
        const cpu::TileKernels& kernel = *kernels_.tile;
        const std::int64_t packed_size =
            cpu::strips_of(kernel, 4 * shape.units) * shape.hidden * kernel.strip;
        float* const packed = scratch_.get<float>(Slot::packed, packed_size * op.directions);
        parallel(op.directions, [&](std::int64_t direction, int) {
            float* const strips = packed + direction * packed_size;
            std::fill_n(strips, packed_size, 0.0f);
            pack_gates(kernel, shape, floats(op.weight_hh) + direction * 4 * op.hidden * op.hidden, strips);
        });
        cpu::Carve sizes(nullptr);
        Memory{shape, sizes};
        float* const memory = scratch_.get<float>(Slot::worker, sizes.used() * pool_.workers());
        parallel(shape.tasks(), [&](std::int64_t index, int worker) {
            const LstmTask task(shape, *kernels_.tail, index);
            cpu::Carve carve(memory + worker * sizes.used());
            const Memory at(shape, carve);
            std::fill_n(at.gates, sizes.used(), 0.0f);
            const std::int64_t step = task.step(1), blocks = cpu::ceil_div(shape.length, kSteps);
            const CellArgs cell_args{static_cast<int>(task.count), shape.units};
            Panel recurrent;
            recurrent.a_row = shape.units;
            recurrent.rows = cell_args.rows;
            recurrent.depth = op.hidden;
            recurrent.b = packed + task.direction * packed_size;
            recurrent.b_strip = shape.hidden * kernel.strip;
            recurrent.columns = 4 * shape.units;
            recurrent.c_row = 4 * shape.units;
            recurrent.resume = true;
            for (std::int64_t i = 0; i < blocks; ++i) {
                const std::int64_t begin = (task.direction == 0 ? i : blocks - 1 - i) * kSteps;
                const std::int64_t end = std::min(begin + kSteps, shape.length), count = end - begin;
                task.load(gates, 4, begin, end, at.gates);
                for (std::int64_t n = 0; n < count; ++n) {
                    const std::int64_t t = task.direction == 0 ? n : count - 1 - n;
                    const std::int64_t slot = t + 1, before = slot + task.before();
                    recurrent.a = at.hidden + before * step;
                    recurrent.c = at.gates + t * 4 * step;
                    if (i + n > 0) cpu::multiply(kernel, recurrent);
                    kernels_.lstm->cell(cell_args, recurrent.c, at.cell + before * step,
                                        at.cell + slot * step, at.hidden + slot * step);
                }
                task.store(at.gates, 4, begin, end, gates);
                task.store(at.cell + step, 1, begin, end, cell);
                task.store(at.hidden + step, 1, begin, end, y);
                // The last step goes where the next block, which has kSteps steps in direction 1, looks for
                // it.
                const std::int64_t from = task.direction == 0 ? count : 1,
                                   to = task.direction == 0 ? 0 : kSteps + 1;
                for (float* const state : {at.cell, at.hidden})
                    std::copy_n(state + from * step, step, state + to * step);
            }
            task.zero_edges(cell);
            task.zero_edges(y);
        });
    });
}

}  // namespace regkit
