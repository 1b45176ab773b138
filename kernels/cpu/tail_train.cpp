// The fused tail in training: forward, loss, and all gradients, block by block.
//
// A block of coarse positions (about 160 nucleotides) stays in the second cache from its input to the
// gradient of that input; logits exist for one group of markers at a time. Hidden layers keep their output
// only: where it is positive the unit was active and not dropped, which is all the gradient needs. Dropout's
// survivors are drawn for 128 coarse positions at a time, which is one round of its generator
// (kernels/dropout.hpp).
//
// Parameter gradients are added up in one array a chunk of positions; chunks follow from the shapes, not from
// the workers, and are added in their order afterwards. Weight gradients are products of (gradient rows) x
// (transposed activations): lanes = inputs, so they use the same register tile as everything else.
#include "kernels/cpu/tail_train.hpp"

#include <algorithm>

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::ceil_div;
using cpu::floats;
using cpu::guarded;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;
using cpu::TrainBlock;
using cpu::TrainPlan;

namespace {

// Adds up one row of the chunks' partial sums, in their order, in `sum`, and calls add(sum).
template <typename Add>
void reduce_row(const TrainPlan& plan, const cpu::OptimiserKernels& kernel, std::int64_t offset,
                std::int64_t size, float* sum, const Add& add) {
    std::fill_n(sum, size, 0.0f);
    for (std::int64_t chunk = 0; chunk < plan.chunks; ++chunk)
        kernel.add(plan.chunk_memory + chunk * plan.chunk_size + offset, size, sum);
    add(sum);
}

}  // namespace

Status CpuBackend::run(const TailTrain& op) noexcept {
    if (is_flat_tail(op.h.shape, op.tail))
        return train_flat_tail(op.h, op.tail, op.labels, op.how, op.loss, op.gradient, op.accumulate, op.dh);
    return guarded([&] {
        const Rows h = rows_of(op.h), dh = rows_of(op.dh);
        const TrainPlan plan(op.tail, h, kernels_, scratch_, pool_.workers());
        parallel(static_cast<std::int64_t>(plan.packing_count),
                 [&](std::int64_t i, int) { plan.pack(static_cast<int>(i)); });
        parallel(plan.chunks, [&](std::int64_t chunk, int worker) {
            float* const sums = plan.chunk_memory + chunk * plan.chunk_size;
            std::fill_n(sums, plan.chunk_size, 0.0f);
            cpu::Carve carve(plan.worker_memory + worker * plan.worker_size);
            TrainBlock block(plan, op.tail, kernels_, op.labels, op.how, sums, cpu::BlockMemory(plan, carve));
            const std::int64_t sample = chunk / plan.chunks_a_sample;
            const std::int64_t begin = chunk % plan.chunks_a_sample * plan.chunk_positions;
            const std::int64_t end = std::min(begin + plan.chunk_positions, h.length);
            plan.loss[chunk] = block.run(h, sample, begin, end, op.accumulate, dh);
        });
        double total = 0;
        for (std::int64_t chunk = 0; chunk < plan.chunks; ++chunk) total += plan.loss[chunk];
        floats(op.loss)[0] += static_cast<float>(total * static_cast<double>(op.how.scale));
        if (!op.accumulate)
            for (std::int64_t s = 0; s < dh.batch; ++s)
                for (std::int64_t c = 0; c < dh.channels; ++c) dh.zero_edges(dh.row(s, c));

        const cpu::OptimiserKernels& add = *kernels_.optimiser;
        for (int l = 0; l < op.tail.depth; ++l) {
            const TailLayer& layer = op.tail.dense[l];
            parallel(layer.out, [&](std::int64_t o, int worker) {
                float* const sum = plan.worker_memory + worker * plan.worker_size;
                reduce_row(plan, add, plan.dense[l].d_weight + o * plan.dense[l].padded_in, layer.in, sum,
                           [&](const float* row) {
                               add.add(row, layer.in, floats(op.gradient.dense_weight[l]) + o * layer.in);
                           });
            });
            if (op.gradient.dense_bias[l])
                reduce_row(
                    plan, add, plan.dense[l].d_bias, layer.out, plan.worker_memory,
                    [&](const float* row) { add.add(row, layer.out, floats(op.gradient.dense_bias[l])); });
        }
        if (!op.tail.has_up()) return;
        const int stride = op.tail.stride, out = op.tail.up.out;
        parallel(out, [&](std::int64_t o, int worker) {
            float* const sum = plan.worker_memory + worker * plan.worker_size;
            for (int j = 0; j < stride; ++j)
                reduce_row(plan, add, plan.up.d_weight + (j * out + o) * plan.up.padded_in, op.tail.up.in,
                           sum, [&](const float* row) {
                               float* const to = floats(op.gradient.up_weight) + o * stride + j;
                               for (int i = 0; i < op.tail.up.in; ++i)
                                   to[std::int64_t{i} * out * stride] += row[i];
                           });
        });
        if (op.gradient.up_bias)
            reduce_row(plan, add, plan.up.d_bias, out, plan.worker_memory,
                       [&](const float* row) { add.add(row, out, floats(op.gradient.up_bias)); });
    });
}

}  // namespace regkit
