// The fused tail at inference. A block of coarse positions stays in the second cache from the up-convolution
// to the markers' logits, which a sink takes from there (tail_sinks.cpp): up-convolution phase by phase, its
// output interleaved once to nucleotide order, dense layers, and the last in groups of markers. In bf16 each
// layer's rows become words in place before the next reads them.
#include <algorithm>

#include "kernels/cpu/backend_impl.hpp"
#include "kernels/cpu/tail.hpp"
#include "kernels/cpu/tail_sink.hpp"

namespace regkit {

using cpu::ceil_div;
using cpu::floats;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;

namespace {

constexpr int kMarkerGroup = 60;

struct InferWork {
    float *words, *phases, *input, *hidden[2], *logits;

    InferWork(cpu::Carve& carve, const Tail& tail, std::int64_t lanes) {
        const std::int64_t columns = cpu::odd_stride(lanes * tail.stride);
        words = carve.take(std::int64_t{tail.inputs()} * lanes);
        phases = carve.take(std::int64_t{tail.up.out} * columns);
        input = carve.take(std::int64_t{tail.up.out} * columns);
        int widest = 0;
        for (int i = 0; i + 1 < tail.depth; ++i) widest = std::max(widest, tail.dense[i].out);
        for (float*& layer : hidden) layer = carve.take(widest * columns);
        logits = carve.take(kMarkerGroup * columns);
    }
};

}  // namespace

void CpuBackend::infer_blocks(const View& h_view, const Tail& tail, std::int64_t begin, std::int64_t end,
                              cpu::TailSink& sink) {
    const Rows h = rows_of(h_view);
    const cpu::TileKernels& tile = *kernels_.product_tile;
    const int stride = tail.stride, last = tail.depth - 1, markers = tail.markers();
    const std::int64_t lanes = cpu::tail_lanes(stride);

    const std::int64_t phase_size = tile.packed_size(tail.up.out, 1, tail.up.in);
    std::int64_t weights = phase_size * stride;
    for (int i = 0; i <= last; ++i) weights += tile.packed_size(tail.dense[i].out, 1, tail.dense[i].in);
    cpu::Carve plan(scratch_.get<float>(Slot::tail_plan, weights + (stride + kMaxDense) * cpu::kAlign));
    float* const up = plan.take(phase_size * stride);
    if (tail.has_up())
        parallel(stride, [&](std::int64_t j, int) {
            tile.pack(floats(tail.up.weight) + j, stride, 0, std::int64_t{tail.up.out} * stride, tail.up.out,
                      1, tail.up.in, 0, cpu::Blocks(tail.up.out, tile.block).count, up + j * phase_size);
        });
    float* dense[kMaxDense];
    for (int i = 0; i <= last; ++i) {
        const TailLayer& layer = tail.dense[i];
        dense[i] = plan.take(tile.packed_size(layer.out, 1, layer.in));
        // Groups of markers are products of their own.
        const int group = i == last ? kMarkerGroup : layer.out;
        parallel(ceil_div(layer.out, group), [&](std::int64_t g, int) {
            const int first = static_cast<int>(g) * group, count = std::min(group, layer.out - first);
            tile.pack(floats(layer.weight) + std::int64_t{first} * layer.in, layer.in, 0, 1, count, 1,
                      layer.in, 0, cpu::Blocks(count, tile.block).count,
                      dense[i] + tile.packed_size(first, 1, layer.in));
        });
    }

    const std::int64_t row = cpu::odd_stride(lanes * stride);  // of the work's matrices
    cpu::Carve measure(nullptr);
    InferWork(measure, tail, lanes);
    float* const memory = scratch_.get<float>(Slot::worker, measure.used() * pool_.workers());
    const std::int64_t blocks = ceil_div(end - begin, lanes);
    parallel(h.batch * blocks, [&](std::int64_t task, int worker) {
        cpu::Carve carve(memory + worker * measure.used());
        const InferWork work(carve, tail, lanes);
        const std::int64_t sample = task / blocks, first = begin + task % blocks * lanes;
        const std::int64_t valid = std::min(lanes, end - first), columns = valid * stride;
        const float* x = h.row(sample, 0) + first;
        std::int64_t x_stride = h.stride;
        if (kernels_.bf16) {
            cpu::pair_rows(kernels_, x, h.stride, tail.inputs(), valid, work.words, lanes);
            x = work.words;
            x_stride = lanes;
        }
        if (tail.has_up()) {
            for (int j = 0; j < stride; ++j) {
                auto args = cpu::product(up + j * phase_size, tile.rows(tail.up.in), tail.up.out, x, x_stride,
                                         work.phases + j * lanes, row, valid);
                args.bias = floats(tail.up.bias);
                args.relu = true;
                cpu::run_all(tile, args);
            }
            if (kernels_.bf16)
                cpu::pair_rows(kernels_, work.phases, row, tail.up.out, lanes * stride,
                               work.phases, row);
            for (std::int64_t o = 0; o < tile.rows(tail.up.out); ++o) {
                const float* const from = work.phases + o * row;
                float* const to = work.input + o * row;
                for (std::int64_t j = 0; j < stride; ++j)
                    for (std::int64_t i = 0; i < valid; ++i) to[i * stride + j] = from[j * lanes + i];
            }
            x = work.input;
            x_stride = row;
        }
        for (int i = 0; i < last; ++i) {
            const TailLayer& layer = tail.dense[i];
            auto args = cpu::product(dense[i], tile.rows(layer.in), layer.out, x, x_stride,
                                     work.hidden[i % 2], row, columns);
            args.bias = floats(layer.bias);
            args.relu = true;
            cpu::run_all(tile, args);
            if (kernels_.bf16)
                cpu::pair_rows(kernels_, work.hidden[i % 2], row, layer.out, columns,
                               work.hidden[i % 2], row);
            x = work.hidden[i % 2];
            x_stride = row;
        }
        const TailLayer& layer = tail.dense[last];
        for (int m = 0; m < markers; m += kMarkerGroup) {
            const int count = std::min(kMarkerGroup, markers - m);
            auto args = cpu::product(dense[last] + tile.packed_size(m, 1, layer.in), tile.rows(layer.in),
                                     count, x, x_stride, work.logits, row, columns);
            if (layer.bias) args.bias = floats(layer.bias) + m;
            cpu::run_all(tile, args);
            sink.take({.logits = work.logits,
                       .row = row,
                       .sample = sample,
                       .marker = m,
                       .count = count,
                       .begin = (first - begin) * stride,
                       .columns = columns,
                       .worker = worker});
        }
    });
}

}  // namespace regkit
