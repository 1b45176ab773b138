// The fused tail at inference. A block of coarse positions stays in the second cache from the up-convolution
// to the markers' logits, which a sink takes from there (tail_sinks.cpp): up-convolution phase by phase, its
// output interleaved once to nucleotide order, dense layers, and the last in groups of markers.
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
    float *phases, *input, *hidden[2], *logits;

    InferWork(cpu::Carve& carve, const Tail& tail, std::int64_t lanes) {
        const std::int64_t columns = lanes * tail.stride;
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
    const cpu::TileKernels& tile = *kernels_.tile;
    const int stride = tail.stride, last = tail.depth - 1, markers = tail.markers();
    const std::int64_t lanes = cpu::tail_lanes(stride);

    std::int64_t weights = std::int64_t{tail.up.in} * tail.up.out * stride;
    for (int i = 0; i <= last; ++i) weights += std::int64_t{tail.dense[i].in} * tail.dense[i].out;
    cpu::Carve plan(scratch_.get<float>(Slot::tail_plan, weights + (stride + kMaxDense) * cpu::kAlign));
    const std::int64_t phase_size = std::int64_t{tail.up.in} * tail.up.out;
    float* const up = plan.take(phase_size * stride);
    if (tail.has_up())
        parallel(stride, [&](std::int64_t j, int) {
            tile.pack(floats(tail.up.weight) + j, stride, 0, std::int64_t{tail.up.out} * stride,
                      tail.up.out, 1, tail.up.in, 0, cpu::Blocks(tail.up.out, tile.block).count,
                      up + j * phase_size);
        });
    float* dense[kMaxDense];
    for (int i = 0; i <= last; ++i) {
        const TailLayer& layer = tail.dense[i];
        dense[i] = plan.take(std::int64_t{layer.in} * layer.out);
        // Groups of markers are products of their own.
        const int group = i == last ? kMarkerGroup : layer.out;
        parallel(ceil_div(layer.out, group), [&](std::int64_t g, int) {
            const int first = static_cast<int>(g) * group, count = std::min(group, layer.out - first);
            tile.pack(floats(layer.weight) + std::int64_t{first} * layer.in, layer.in, 0, 1, count, 1,
                      layer.in, 0, cpu::Blocks(count, tile.block).count,
                      dense[i] + std::int64_t{first} * layer.in);
        });
    }

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
        if (tail.has_up()) {
            for (int j = 0; j < stride; ++j) {
                auto args = cpu::product(up + j * phase_size, tail.up.in, tail.up.out, x, x_stride,
                                         work.phases + j * lanes, lanes * stride, valid);
                args.bias = floats(tail.up.bias);
                args.relu = true;
                cpu::run_all(tile, args);
            }
            for (std::int64_t o = 0; o < tail.up.out; ++o) {
                const float* const from = work.phases + o * lanes * stride;
                float* const to = work.input + o * lanes * stride;
                for (std::int64_t j = 0; j < stride; ++j)
                    for (std::int64_t i = 0; i < valid; ++i) to[i * stride + j] = from[j * lanes + i];
            }
            x = work.input;
            x_stride = lanes * stride;
        }
        for (int i = 0; i < last; ++i) {
            const TailLayer& layer = tail.dense[i];
            auto args = cpu::product(dense[i], layer.in, layer.out, x, x_stride, work.hidden[i % 2],
                                     lanes * stride, columns);
            args.bias = floats(layer.bias);
            args.relu = true;
            cpu::run_all(tile, args);
            x = work.hidden[i % 2];
            x_stride = lanes * stride;
        }
        const TailLayer& layer = tail.dense[last];
        for (int m = 0; m < markers; m += kMarkerGroup) {
            const int count = std::min(kMarkerGroup, markers - m);
            auto args = cpu::product(dense[last] + std::int64_t{m} * layer.in, layer.in, count, x,
                                     x_stride, work.logits, lanes * stride, columns);
            if (layer.bias) args.bias = floats(layer.bias) + m;
            cpu::run_all(tile, args);
            sink.take({.logits = work.logits,
                       .row = lanes * stride,
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
