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

// Packed weights: of the up-convolution by phase, of the last layer by groups of markers.
struct InferWeights {
    std::int64_t phase_size = 0;
    const float* up = nullptr;
    const float* dense[kMaxDense] = {};
};

// Rows of words or floats, as the next product reads them.
struct Operand {
    const float* x;
    std::int64_t stride;
};

// One block of coarse positions [first, first + valid), up to the last layer's input.
class InferBlock {
  public:
    InferBlock(const cpu::Kernels& kernels, const Tail& tail, const InferWeights& weights,
               const InferWork& work, std::int64_t lanes, std::int64_t valid)
        : kernels_(kernels),
          tile_(*kernels.product_tile),
          tail_(tail),
          weights_(weights),
          work_(work),
          lanes_(lanes),
          row_(cpu::odd_stride(lanes * tail.stride)),
          valid_(valid) {}

    Operand run(const Rows& h, std::int64_t sample, std::int64_t first) const {
        Operand x{h.row(sample, 0) + first, h.stride};
        if (kernels_.bf16) {
            cpu::pair_rows(kernels_, x.x, x.stride, tail_.inputs(), valid_, work_.words, lanes_);
            x = {work_.words, lanes_};
        }
        if (tail_.has_up()) x = up(x);
        for (int i = 0; i + 1 < tail_.depth; ++i) {
            const TailLayer& layer = tail_.dense[i];
            auto args = cpu::product(weights_.dense[i], tile_.rows(layer.in), layer.out, x.x, x.stride,
                                     work_.hidden[i % 2], row_, valid_ * tail_.stride);
            args.bias = floats(layer.bias);
            args.relu = true;
            cpu::run_all(tile_, args);
            x = paired(work_.hidden[i % 2], layer.out, valid_ * tail_.stride);
        }
        return x;
    }

  private:
    Operand paired(float* rows, int count, std::int64_t columns) const {
        if (kernels_.bf16) cpu::pair_rows(kernels_, rows, row_, count, columns, rows, row_);
        return {rows, row_};
    }

    // Phase by phase, then interleaved to the order of nucleotides.
    Operand up(const Operand& x) const {
        const int stride = tail_.stride;
        for (int j = 0; j < stride; ++j) {
            auto args = cpu::product(weights_.up + j * weights_.phase_size, tile_.rows(tail_.up.in),
                                     tail_.up.out, x.x, x.stride, work_.phases + j * lanes_, row_, valid_);
            args.bias = floats(tail_.up.bias);
            args.relu = true;
            cpu::run_all(tile_, args);
        }
        paired(work_.phases, tail_.up.out, lanes_ * stride);
        for (std::int64_t o = 0; o < tile_.rows(tail_.up.out); ++o) {
            const float* const from = work_.phases + o * row_;
            float* const to = work_.input + o * row_;
            for (std::int64_t j = 0; j < stride; ++j)
                for (std::int64_t i = 0; i < valid_; ++i) to[i * stride + j] = from[j * lanes_ + i];
        }
        return {work_.input, row_};
    }

    const cpu::Kernels& kernels_;
    const cpu::TileKernels& tile_;
    const Tail& tail_;
    const InferWeights& weights_;
    const InferWork& work_;
    std::int64_t lanes_, row_, valid_;
};

}  // namespace

void CpuBackend::infer_blocks(const View& h_view, const Tail& tail, std::int64_t begin, std::int64_t end,
                              cpu::TailSink& sink) {
    const Rows h = rows_of(h_view);
    const cpu::TileKernels& tile = *kernels_.product_tile;
    const int stride = tail.stride, last = tail.depth - 1, markers = tail.markers();
    const std::int64_t lanes = cpu::tail_lanes(stride);

    InferWeights weights;
    weights.phase_size = tile.packed_size(tail.up.out, 1, tail.up.in);
    std::int64_t size = weights.phase_size * stride;
    for (int i = 0; i <= last; ++i) size += tile.packed_size(tail.dense[i].out, 1, tail.dense[i].in);
    cpu::Carve plan(scratch_.get<float>(Slot::tail_plan, size + (stride + kMaxDense) * cpu::kAlign));
    float* const up_room = plan.take(weights.phase_size * stride);
    if (tail.has_up()) {
        const float* const w = floats(tail.up.weight);
        const std::int64_t w_in = std::int64_t{tail.up.out} * stride;
        weights.up = pack_weights(
            {cpu::constant_array(tail.up.weight), w, stride, 1, w_in, tail.up.out, stride, tail.up.in, &tile},
            weights.phase_size * stride, up_room, [&](float* to) {
                parallel(stride, [&](std::int64_t j, int) {
                    tile.pack(w + j, stride, 0, w_in, tail.up.out, 1, tail.up.in, 0,
                              cpu::Blocks(tail.up.out, tile.block).count, to + j * weights.phase_size);
                });
            });
    }
    for (int i = 0; i <= last; ++i) {
        const TailLayer& layer = tail.dense[i];
        const float* const w = floats(layer.weight);
        const std::int64_t layer_size = tile.packed_size(layer.out, 1, layer.in);
        // Groups of markers are products of their own.
        const int group = i == last ? kMarkerGroup : layer.out;
        weights.dense[i] = pack_weights(
            {cpu::constant_array(layer.weight), w, layer.in, group, 1, layer.out, 1, layer.in, &tile},
            layer_size, plan.take(layer_size), [&](float* to) {
                parallel(ceil_div(layer.out, group), [&](std::int64_t g, int) {
                    const int first = static_cast<int>(g) * group, count = std::min(group, layer.out - first);
                    tile.pack(w + std::int64_t{first} * layer.in, layer.in, 0, 1, count, 1, layer.in, 0,
                              cpu::Blocks(count, tile.block).count,
                              to + tile.packed_size(first, 1, layer.in));
                });
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
        const Operand x = InferBlock(kernels_, tail, weights, work, lanes, valid).run(h, sample, first);
        const TailLayer& layer = tail.dense[last];
        for (int m = 0; m < markers; m += kMarkerGroup) {
            const int count = std::min(kMarkerGroup, markers - m);
            auto args = cpu::product(weights.dense[last] + tile.packed_size(m, 1, layer.in),
                                     tile.rows(layer.in), count, x.x, x.stride, work.logits, row, columns);
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
