// Flatten and dense: matrix products with a weight [out][in * length] of up to hundreds of megabytes, over
// which each pass goes once, in pieces that fit the second cache beside the other operand (panel.hpp).
//
//  - Forward: lanes are samples. x is transposed into strips of samples, a slab of inputs at a time; a task
//  owns a range
//    of outputs, whose weights are broadcast from where they lie; sums go on through y from one piece to the
//    next.
//  - Gradient of x: lanes are inputs. A task owns a range of inputs: it copies their weights into strips, a
//  piece of
//    outputs at a time, sums over outputs in a small array, and moves that into the rows of dx.
//  - Gradient of the weight: lanes are inputs. A task owns a range of inputs of all samples, copied into
//  strips; dy is
//    broadcast; each tile is added to the gradient once, so there are no copies of it.
#include <algorithm>

#include "kernels/cpu/backend_impl.hpp"
#include "kernels/cpu/panel.hpp"

namespace regkit {

using cpu::Blocks;
using cpu::ceil_div;
using cpu::floats;
using cpu::guarded;
using cpu::Panel;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;
using cpu::TileArgs;
using cpu::TileKernels;

namespace {

constexpr std::int64_t kSlabPieces = 16;      // pieces of inputs that are transposed at a time
constexpr std::int64_t kInputColumns = 128;   // inputs of a task of the gradient of x
constexpr int kInputDepth = 256;              // outputs of a piece there
constexpr std::int64_t kWeightColumns = 256;  // inputs of a task of the gradient of the weight

// body(channel, position, count, done): the parts of rows in which inputs [begin, end) of a sample lie.
template <typename Body>
void for_parts(std::int64_t length, std::int64_t begin, std::int64_t end, const Body& body) {
    for (std::int64_t n = begin; n < end;) {
        const std::int64_t position = n % length, count = std::min(length - position, end - n);
        body(n / length, position, count, n - begin);
        n += count;
    }
}

// The products of one piece of inputs: y rows of blocks [first, last) go on with the strips of x.
void forward_piece(const TileKernels& kernel, const Panel& panel, int first, int last) {
    const std::int64_t strips = cpu::strips_of(kernel, panel.columns);
    const Blocks blocks(panel.rows, kernel.block);
    for (int b = first; b < last; ++b) {  // a block's weights stay in the first cache while the samples pass
        cpu::Ahead next;
        if (b + 1 < last)
            next = {panel.a + blocks.begin(b + 1) * panel.a_row, panel.a_row,
                    blocks.begin(b + 2) - blocks.begin(b + 1), panel.depth};
        const std::int64_t share = ceil_div(next.left(), strips);
        for (std::int64_t j = 0; j < strips; ++j) {
            next.ask(share);
            kernel.run(cpu::strip_args(kernel, panel, j, 0, panel.depth), b, b + 1);
        }
    }
}

// dw rows of outputs [o, o + size) += what strip `j` of the samples' inputs gives. Where the strip is not
// whole, the tile, which writes whole vectors, goes through `rest`.
void add_tile(const TileKernels& kernel, Panel panel, std::int64_t j, int o, int size, float* rest) {
    panel.a += o * panel.a_row;
    panel.rows = size;
    panel.c += o * panel.c_row;
    TileArgs args = cpu::strip_args(kernel, panel, j, 0, panel.depth);
    float* const to = args.y;
    args.accumulate = args.end == kernel.strip;
    if (!args.accumulate) {
        args.y = rest;
        args.y_stride = kernel.strip;
    }
    kernel.run(args, 0, 1);
    if (args.accumulate) return;
    for (int q = 0; q < size; ++q)
        for (std::int64_t n = 0; n < args.end; ++n) to[q * panel.c_row + n] += rest[q * kernel.strip + n];
}

}  // namespace

Status CpuBackend::run(const FlatDense& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), y = rows_of(op.y);
        const TileKernels& kernel = *kernels_.tile;
        const std::int64_t inputs = x.channels * x.length, strips = cpu::strips_of(kernel, x.batch);
        const std::int64_t depth = std::min<std::int64_t>(cpu::panel_depth(kernel), inputs);
        const std::int64_t pieces = ceil_div(inputs, depth), slab = std::min(pieces, kSlabPieces);
        const std::int64_t b_strip = depth * kernel.strip;
        float* const turned = scratch_.get<float>(Slot::turned, slab * strips * b_strip);
        const Blocks blocks(static_cast<int>(y.channels), kernel.block);
        const std::int64_t groups = std::min<std::int64_t>(std::int64_t{4} * pool_.workers(), blocks.count);
        for (std::int64_t first = 0; first < pieces; first += slab) {
            const std::int64_t last = std::min(first + slab, pieces);
            parallel((last - first) * strips, [&](std::int64_t task, int) {
                const std::int64_t begin = (first + task / strips) * depth,
                                   sample = task % strips * kernel.strip;
                const std::int64_t samples = std::min<std::int64_t>(kernel.strip, x.batch - sample);
                float* const to = turned + task * b_strip;
                for_parts(x.length, begin, std::min(begin + depth, inputs),
                          [&](std::int64_t c, std::int64_t p, std::int64_t count, std::int64_t done) {
                              cpu::transpose(*kernels_.tail, x.row(sample, c) + p, x.channels * x.stride,
                                             samples, count, to + done * kernel.strip, kernel.strip);
                          });
            });
            parallel(groups, [&](std::int64_t group, int) {
                for (std::int64_t piece = first; piece < last; ++piece) {
                    Panel panel;
                    panel.a = floats(op.weight) + piece * depth;
                    panel.a_row = inputs;
                    panel.rows = blocks.out;
                    panel.depth = static_cast<int>(std::min(depth, inputs - piece * depth));
                    panel.b = turned + (piece - first) * strips * b_strip;
                    panel.b_strip = b_strip;
                    panel.columns = x.batch;
                    panel.c = y.row(0, 0);
                    panel.c_row = y.stride;
                    panel.bias = floats(op.bias);
                    panel.resume = piece > 0;
                    panel.relu = op.relu && piece + 1 == pieces;
                    forward_piece(kernel, panel, static_cast<int>(blocks.count * group / groups),
                                  static_cast<int>(blocks.count * (group + 1) / groups));
                }
            });
        }
        for (std::int64_t o = 0; o < y.channels; ++o) y.zero_edges(y.row(0, o));
    });
}

Status CpuBackend::run(const FlatDenseGradInput& op) noexcept {
    return guarded([&] {
        const Rows dy = rows_of(op.dy), dx = rows_of(op.dx);
        const TileKernels& kernel = *kernels_.tile;
        const std::int64_t inputs = dx.channels * dx.length, outputs = dy.channels;
        float* const dy_turned = scratch_.get<float>(Slot::turned, dx.batch * outputs);
        cpu::transpose(*kernels_.tail, dy.row(0, 0), dy.stride, outputs, dx.batch, dy_turned, outputs);
        const Blocks pieces(static_cast<int>(outputs), kInputDepth);
        const std::int64_t panel_size = kInputColumns * kInputDepth,
                           worker_size = panel_size + kInputColumns * dx.batch;
        float* const memory = scratch_.get<float>(Slot::worker, worker_size * pool_.workers());
        parallel(ceil_div(inputs, kInputColumns), [&](std::int64_t task, int worker) {
            const std::int64_t begin = task * kInputColumns, end = std::min(begin + kInputColumns, inputs);
            float* const strips = memory + worker * worker_size;
            float* const sums = strips + panel_size;
            const float* const weights = floats(op.weight) + begin;
            for (int piece = 0; piece < pieces.count; ++piece) {
                const int first = pieces.begin(piece), last = pieces.begin(piece + 1);
                cpu::Ahead next;
                if (piece + 1 < pieces.count)
                    next = {weights + last * inputs, inputs, pieces.begin(piece + 2) - last, end - begin};
                else if (begin + pool_.workers() * kInputColumns < inputs)  // the next task, most likely
                    next = {weights + pool_.workers() * kInputColumns, inputs, pieces.begin(1), end - begin};
                Panel panel;
                panel.a = dy_turned + first;
                panel.a_row = outputs;
                panel.rows = static_cast<int>(dx.batch);
                panel.depth = last - first;
                panel.b = strips;
                panel.b_strip = std::int64_t{panel.depth} * kernel.strip;
                panel.columns = end - begin;
                panel.c = sums;
                panel.c_row = kInputColumns;
                panel.resume = piece > 0;
                for (int o = first; o < last; ++o) {
                    const float* const from = weights + o * inputs;
                    float* const to = strips + std::int64_t{o - first} * kernel.strip;
                    for (std::int64_t n = 0; n < panel.columns; n += kernel.strip)
                        std::copy_n(from + n, std::min<std::int64_t>(kernel.strip, panel.columns - n),
                                    to + n / kernel.strip * panel.b_strip);
                }
                const std::int64_t tiles = cpu::strips_of(kernel, panel.columns) *
                                           Blocks(panel.rows, kernel.block).count *
                                           Blocks(panel.depth, cpu::panel_depth(kernel)).count;
                const std::int64_t share = ceil_div(next.left(), tiles);
                cpu::multiply(kernel, panel, [&] { next.ask(share); });
            }
            for (std::int64_t s = 0; s < dx.batch; ++s)
                for_parts(dx.length, begin, end,
                          [&](std::int64_t c, std::int64_t p, std::int64_t count, std::int64_t done) {
                              float* const to = dx.row(s, c) + p;
                              const float* const from = sums + s * kInputColumns + done;
                              for (std::int64_t i = 0; i < count; ++i)
                                  to[i] = op.accumulate ? to[i] + from[i] : from[i];
                              if (!op.accumulate && p + count == dx.length) dx.zero_edges(dx.row(s, c));
                          });
        });
    });
}

Status CpuBackend::run(const FlatDenseGradWeight& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), dy = rows_of(op.dy);
        const TileKernels& kernel = *kernels_.tile;
        const std::int64_t inputs = x.channels * x.length;
        const std::int64_t panel_size = kWeightColumns * x.batch;
        const std::int64_t worker_size = panel_size + std::int64_t{kernel.block} * kernel.strip;
        float* const memory = scratch_.get<float>(Slot::worker, worker_size * pool_.workers());
        const Blocks blocks(static_cast<int>(dy.channels), kernel.block);
        parallel(ceil_div(inputs, kWeightColumns), [&](std::int64_t task, int worker) {
            const std::int64_t begin = task * kWeightColumns, end = std::min(begin + kWeightColumns, inputs);
            float* const strips = memory + worker * worker_size;
            Panel panel;
            panel.a = dy.row(0, 0);
            panel.a_row = dy.stride;
            panel.depth = static_cast<int>(x.batch);
            panel.b = strips;
            panel.b_strip = x.batch * kernel.strip;
            panel.columns = end - begin;
            panel.c = floats(op.d_weight) + begin;
            panel.c_row = inputs;
            for (std::int64_t s = 0; s < x.batch; ++s)
                for (std::int64_t n = begin; n < end; n += kernel.strip) {
                    float* const to = strips + (n - begin) / kernel.strip * panel.b_strip + s * kernel.strip;
                    for_parts(x.length, n, std::min(n + kernel.strip, end),
                              [&](std::int64_t c, std::int64_t p, std::int64_t count, std::int64_t done) {
                                  std::copy_n(x.row(s, c) + p, count, to + done);
                              });
                }
            const std::int64_t count = cpu::strips_of(kernel, panel.columns);
            for (int b = 0; b < blocks.count; ++b)
                for (std::int64_t j = 0; j < count; ++j) {  // neighbours of a row one after another
                    const int next = j + 1 < count ? b : b + 1;
                    if (next < blocks.count)
                        cpu::Ahead(panel.c + blocks.begin(next) * inputs + (j + 1) % count * kernel.strip,
                                   inputs, blocks.begin(next + 1) - blocks.begin(next), kernel.strip)
                            .ask(kernel.block * kernel.strip / cpu::kAlign);
                    add_tile(kernel, panel, j, blocks.begin(b), blocks.begin(b + 1) - blocks.begin(b),
                             strips + panel_size);
                }
        });
        add_row_sums(dy, op.d_bias);
    });
}

}  // namespace regkit
