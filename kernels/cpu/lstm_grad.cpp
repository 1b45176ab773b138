// The gradient of the LSTM: the recurrence backwards, then that of the recurrent weights.
//
// Backwards, a step is one matrix product, samples x gates times gates x hidden, that goes on from dy, and
// the cell gradient kernel. The gradient of the weights then is, for each direction, the sum over samples and
// steps of (gradient of the gates at t) x (hidden at the step before): a dense contraction (grad_weight.cpp).
#include "kernels/cpu/backend_impl.hpp"
#include "kernels/cpu/lstm_block.hpp"

namespace regkit {

using cpu::CellArgs;
using cpu::Contraction;
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

// Strips of b[gate * units + u][n] = w[gate * hidden + u][n], for one direction; zero in the padding.
void pack_hidden(const cpu::TileKernels& kernel, const LstmShape& shape, const float* w, float* strips) {
    const std::int64_t strip = kernel.strip;
    for (std::int64_t gate = 0; gate < 4; ++gate)
        for (std::int64_t u = 0; u < shape.hidden; ++u, w += shape.hidden)
            for (std::int64_t n = 0; n < shape.hidden; ++n)
                strips[(n / strip * 4 * shape.units + gate * shape.units + u) * strip + n % strip] = w[n];
}

// One worker's arrays, of the largest task.
struct Memory {
    float *gates, *cell, *d_hidden, *d_cell;

    Memory(const LstmShape& shape, cpu::Carve& carve) {
        const std::int64_t step = shape.most_samples() * shape.units;
        gates = carve.take(kSlots * 4 * step);
        cell = carve.take(kSlots * step);
        d_hidden = carve.take(kSteps * step);
        d_cell = carve.take(step);
    }
};

struct BackwardTensors {
    Rows gates, cell, dy;
};

// One task, backwards through all blocks.
void backward(const cpu::Kernels& kernels, const LstmTask& task, const float* packed,
              const BackwardTensors& tensors, const Memory& at) {
    const LstmShape& shape = task.shape;
    const std::int64_t step = task.step(1), blocks = cpu::ceil_div(shape.length, kSteps);
    const CellArgs cell_args{static_cast<int>(task.count), shape.units};
    Panel recurrent;
    recurrent.a_row = 4 * shape.units;
    recurrent.rows = cell_args.rows;
    recurrent.depth = static_cast<int>(4 * shape.units);
    recurrent.b = packed;
    recurrent.b_strip = recurrent.depth * std::int64_t{kernels.tile->strip};
    recurrent.columns = shape.units;
    recurrent.c_row = shape.units;
    recurrent.resume = true;
    for (std::int64_t i = 0; i < blocks; ++i) {
        const std::int64_t begin = (task.direction == 0 ? blocks - 1 - i : i) * kSteps;
        const std::int64_t end = std::min(begin + kSteps, shape.length), count = end - begin;
        // Slot t + 1 holds step begin + t. The cell is wanted one step further, where the row has it: else it
        // was zero.
        std::int64_t cell_begin = begin, cell_end = end;
        if (task.direction == 0 && begin > 0) --cell_begin;
        if (task.direction == 1 && end < shape.length) ++cell_end;
        std::fill_n(at.cell + (task.direction == 0 ? 0 : count + 1) * step, step, 0.0f);
        task.load(tensors.cell, 1, cell_begin, cell_end, at.cell + (cell_begin - begin + 1) * step);
        task.load(tensors.gates, 4, begin, end, at.gates + 4 * step);
        task.load(tensors.dy, 1, begin, end, at.d_hidden);
        for (std::int64_t n = 0; n < count; ++n) {
            const std::int64_t t = task.direction == 0 ? count - 1 - n : n, slot = t + 1;
            recurrent.a = at.gates + (slot - task.before()) * 4 * step;
            recurrent.c = at.d_hidden + t * step;
            if (i + n > 0) cpu::multiply(*kernels.tile, recurrent);
            kernels.lstm->cell_grad(cell_args, at.gates + slot * 4 * step,
                                    at.cell + (slot + task.before()) * step, at.cell + slot * step,
                                    recurrent.c, at.d_cell);
        }
        task.store(at.gates + 4 * step, 4, begin, end, tensors.gates);
        // The last step goes where the next block, which has kSteps steps in direction 0, looks for it.
        const std::int64_t from = task.direction == 0 ? 1 : count, to = task.direction == 0 ? kSteps + 1 : 0;
        std::copy_n(at.gates + from * 4 * step, 4 * step, at.gates + to * 4 * step);
    }
}

}  // namespace

Status CpuBackend::run(const LstmRecurrenceGrad& op) noexcept {
    return guarded([&] {
        const BackwardTensors tensors{rows_of(op.gates), rows_of(op.cell), rows_of(op.dy)};
        const LstmShape shape(tensors.gates, op.hidden, op.directions, pool_.workers());
        const cpu::TileKernels& kernel = *kernels_.tile;
        const std::int64_t packed_size = cpu::strips_of(kernel, shape.units) * 4 * shape.units * kernel.strip;
        float* const packed = scratch_.get<float>(Slot::packed, packed_size * op.directions);
        parallel(op.directions, [&](std::int64_t direction, int) {
            float* const strips = packed + direction * packed_size;
            std::fill_n(strips, packed_size, 0.0f);
            pack_hidden(kernel, shape, floats(op.weight_hh) + direction * 4 * op.hidden * op.hidden, strips);
        });
        cpu::Carve sizes(nullptr);
        Memory{shape, sizes};
        float* const memory = scratch_.get<float>(Slot::worker, sizes.used() * pool_.workers());
        parallel(shape.tasks(), [&](std::int64_t index, int worker) {
            const LstmTask task(shape, *kernels_.tail, index);
            cpu::Carve carve(memory + worker * sizes.used());
            const Memory at(shape, carve);
            std::fill_n(at.gates, sizes.used(), 0.0f);
            backward(kernels_, task, packed + task.direction * packed_size, tensors, at);
        });
        lstm_grad_weight(tensors.gates, rows_of(op.y), op.hidden, op.directions, floats(op.d_weight_hh));
    });
}

// Gradient of the gates at a step x hidden values of the step before, in the order of the recurrence.
void CpuBackend::lstm_grad_weight(const Rows& d_gates, const Rows& y, int hidden, int directions,
                                  float* d_weight) {
    for (int direction = 0; direction < directions; ++direction) {
        Contraction job;
        job.batch = static_cast<int>(y.batch);
        job.out = 4 * hidden;
        job.in = hidden;
        job.taps = 1;
        job.length = y.length - 1;
        job.dy = d_gates.row(0, direction * std::int64_t{4} * hidden) + (direction == 0 ? 1 : 0);
        job.dy_sample = d_gates.channels * d_gates.stride;
        job.dy_row = d_gates.stride;
        job.x = y.row(0, std::int64_t{direction} * hidden) + direction;
        job.x_sample = y.channels * y.stride;
        job.x_row = y.stride;
        job.offset = cpu::kNoOffset;
        job.dw = d_weight + std::int64_t{direction} * 4 * hidden * hidden;
        job.dw_out = hidden;
        job.dw_in = 1;
        contract_dense(job);
    }
}

}  // namespace regkit
