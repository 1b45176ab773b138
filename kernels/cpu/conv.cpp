// Convolution, its input gradient, and the up-convolution, all as correlations at stride 1 for the register
// tile (simd/tile.cpp).
//
// A strided convolution reads its input split into rows by position modulo stride; the gradient of one, and
// an up-convolution, write such rows, which are interleaved afterwards. Work is cut into (sample, range of
// positions, group of output channels); a range keeps the slice of x it reads in the second cache. That cut
// does not touch any sum. Inside a task strips of positions and pieces of inputs keep to the first cache; an
// output is summed over pieces, taps, inputs of the piece, in this order. In bf16 x is first copied to rows
// of pairs of channels, half the size.
#include <algorithm>

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::ceil_div;
using cpu::Correlation;
using cpu::floats;
using cpu::guarded;
using cpu::PhaseRows;
using cpu::round_up;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;

namespace {

constexpr std::int64_t kSliceFloats = 48 * 1024;  // of x, for one range of positions

constexpr std::int64_t kStrips = 2;  // of the tile, for which a piece of the inputs is read at all taps
constexpr int kPiece = 32;           // inputs of a piece, about: even numbers
constexpr std::int64_t kFirstCache = 8 * 1024;  // floats
constexpr int kCopyBlocks = 4;                  // of outputs, from which a copy of what they read pays

// Sums of a convolution go on from piece to piece of its inputs, through y: what a strip of positions reads
// of one piece, at all taps, stays in the first cache while the outputs pass.
class InputPieces {
  public:
    explicit InputPieces(const Correlation& job)
        : in_(job.in), pairs_((job.in + 1) / 2, job.taps > 1 ? kPiece / 2 : job.in) {}
    int count() const { return pairs_.count; }
    int begin(int piece) const { return std::min(in_, 2 * pairs_.begin(piece)); }

  private:
    int in_;
    cpu::Blocks pairs_;
};

// The same sums of one strip, of x copied to `to`.
cpu::TileArgs side_by_side(const cpu::TileKernels& kernel, cpu::TileArgs args, float* to) {
    kernel.gather(args, args.begin, to);
    args.x = to;
    args.x_stride = kernel.strip;
    args.offset = cpu::kNoOffset;
    args.in *= args.taps;
    args.taps = 1;
    args.y += args.begin;
    args.end -= args.begin;
    args.valid -= args.begin;
    args.begin = 0;
    return args;
}

std::int64_t modulo(std::int64_t a, std::int64_t n) {
    return (a % n + n) % n;
}

}  // namespace

// In bf16: replaces job.x by rows of pairs of channels; they stay until the next call.
void CpuBackend::pair(Correlation& job) {
    if (!kernels_.bf16 || job.exact || job.paired) return;
    const auto [low, high] = std::minmax_element(job.offset, job.offset + job.taps);
    const std::int64_t begin = std::min<std::int64_t>(*low, 0), left = round_up(-begin, cpu::kAlign);
    const std::int64_t end = *high + round_up(job.y.length, cpu::kOverrun);  // what the tiles read
    const int pairs = kernels_.product_tile->rows(job.in);
    const std::int64_t row = cpu::odd_stride(left + end);
    float* const words = scratch_.get<float>(Slot::words, job.batch * pairs * row);
    parallel(std::int64_t{job.batch} * pairs, [&](std::int64_t task, int) {
        const std::int64_t k = task % pairs * 2;
        const float* const a = job.x + task / pairs * job.x_sample + k * job.x_row + begin;
        kernels_.bf16->pair(a, k + 1 < job.in ? a + job.x_row : nullptr, end - begin,
                            words + task * row + left + begin);
    });
    job.x = words + left;
    job.x_sample = pairs * row;
    job.x_row = row;
    job.paired = true;
}

void CpuBackend::correlate(Correlation job) {
    pair(job);
    const cpu::TileKernels& kernel = job.exact ? *kernels_.tile : *kernels_.product_tile;
    const cpu::Blocks blocks(job.out, kernel.block);
    const std::int64_t size = kernel.packed_size(job.out, job.taps, job.in) + cpu::kAlign;
    float* const room = job.constant ? nullptr : scratch_.get<float>(Slot::packed, size);
    const InputPieces pieces(job);
    const float* const packed = pack_weights(
        {job.constant, job.w, job.w_out, job.w_tap, job.w_in, job.out, job.taps, job.in, &kernel}, size, room,
        [&](float* to) {
            parallel(std::int64_t{blocks.count} * pieces.count(), [&](std::int64_t task, int) {
                const int b = static_cast<int>(task / pieces.count()),
                          piece = static_cast<int>(task % pieces.count());
                const int k = pieces.begin(piece);
                kernel.pack(job.w + k * job.w_in, job.w_out, job.w_tap, job.w_in, job.out, job.taps,
                            pieces.begin(piece + 1) - k, b, b + 1,
                            to + kernel.packed_size(job.out, job.taps, k));
            });
        });
    const std::int64_t range =
        std::clamp(kSliceFloats / kernel.rows(job.in) / 32 * 32, std::int64_t{128}, std::int64_t{1024});
    const std::int64_t ranges = ceil_div(job.y.length, range);
    const std::int64_t wanted = 4 * pool_.workers();
    const std::int64_t groups = std::clamp(ceil_div(wanted, job.batch * ranges), std::int64_t{1},
                                           static_cast<std::int64_t>(blocks.count));
    // Where the taps of a strip read so many different lines that the first cache does not hold them, the
    // strip is copied side by side, if enough outputs pass over the copy.
    const std::int64_t rows = std::int64_t{job.taps} * kernel.rows(std::min(job.in, kPiece));
    const std::int64_t copy_size = rows * kernel.strip, read = rows * (kStrips * kernel.strip + cpu::kAlign);
    const bool apart = job.taps > 1 && job.dilation >= kernel.strip && read > kFirstCache &&
                       copy_size <= kFirstCache && blocks.count / groups >= kCopyBlocks;
    float* const copies = apart ? scratch_.get<float>(Slot::panel, copy_size * pool_.workers()) : nullptr;
    parallel(job.batch * ranges * groups, [&](std::int64_t task, int worker) {
        const std::int64_t group = task % groups, part = task / groups % ranges,
                           sample = task / groups / ranges;
        cpu::TileArgs args;
        args.x_stride = job.x_row;
        args.offset = job.offset;
        args.taps = job.taps;
        args.y = job.y.row(sample, 0);
        args.y_stride = job.y.stride;
        args.out = job.out;
        args.valid = job.y.length;
        const int first = static_cast<int>(blocks.count * group / groups);
        const int last = static_cast<int>(blocks.count * (group + 1) / groups);
        const std::int64_t end = std::min((part + 1) * range, job.y.length);
        const std::int64_t strip = apart ? kernel.strip : pieces.count() > 1 ? kStrips * kernel.strip : range;
        for (args.begin = part * range; args.begin < end; args.begin += strip) {
            args.end = std::min(args.begin + strip, end);
            for (int piece = 0; piece < pieces.count(); ++piece) {
                const int k = pieces.begin(piece);
                args.x = job.x + sample * job.x_sample + kernel.rows(k) * job.x_row;
                args.in = kernel.rows(pieces.begin(piece + 1) - k);
                args.w = packed + kernel.packed_size(job.out, job.taps, k);
                args.resume = piece > 0;
                args.bias = piece > 0 ? nullptr : job.bias;
                args.accumulate = job.accumulate && piece == 0;
                args.relu = job.relu && piece + 1 == pieces.count();
                if (apart)
                    kernel.run(side_by_side(kernel, args, copies + worker * copy_size), first, last);
                else
                    kernel.run(args, first, last);
            }
        }
        if (job.accumulate || part + 1 < ranges) return;
        for (int o = blocks.begin(first); o < blocks.begin(last); ++o) job.y.zero_edges(job.y.row(sample, o));
    });
}

PhaseRows CpuBackend::split_phases(const Rows& x, const ConvGeometry& geometry, std::int64_t outputs) {
    const std::int64_t stride = geometry.stride;
    const auto shift_of = [&](int t) {
        return floor_div(std::int64_t{t} * geometry.dilation - geometry.pad_left, stride);
    };
    const std::int64_t before = round_up(std::max<std::int64_t>(-shift_of(0), 0), cpu::kAlign);
    const std::int64_t after = std::max<std::int64_t>(shift_of(geometry.width - 1), 0) + cpu::kOverrun;
    const std::int64_t row = round_up(before + outputs + after, cpu::kAlign);
    float* const data = scratch_.get<float>(Slot::phases, x.batch * x.channels * stride * row);
    parallel(x.batch * x.channels, [&](std::int64_t task, int) {
        const float* const from = x.row(task / x.channels, task % x.channels);
        for (std::int64_t phase = 0; phase < stride; ++phase) {
            float* const to = data + (task * stride + phase) * row;
            for (std::int64_t i = 0; i < row; ++i) {
                const std::int64_t position = (i - before) * stride + phase;
                to[i] = position >= 0 && position < x.length ? from[position] : 0.0f;
            }
        }
    });
    std::int64_t* const offset = scratch_.get<std::int64_t>(Slot::offsets, geometry.width);
    for (int t = 0; t < geometry.width; ++t) {
        const std::int64_t at = std::int64_t{t} * geometry.dilation - geometry.pad_left;
        offset[t] = modulo(at, stride) * row + shift_of(t);
    }
    return {data + before, x.channels * stride * row, stride * row, offset};
}

// job without x and offsets, which come from the phases of x.
void CpuBackend::strided(const Rows& x, const ConvGeometry& geometry, Correlation job) {
    const PhaseRows phases = split_phases(x, geometry, job.y.length);
    job.x = phases.x;
    job.x_sample = phases.sample;
    job.x_row = phases.row;
    job.offset = phases.offset;
    correlate(job);
}

Status CpuBackend::run(const Conv& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x);
        Correlation job;
        job.batch = static_cast<int>(x.batch);
        job.in = static_cast<int>(x.channels);
        job.y = rows_of(op.y);
        job.out = static_cast<int>(job.y.channels);
        job.taps = op.geometry.width;
        job.w = floats(op.weight);
        job.constant = cpu::constant_array(op.weight);
        job.w_out = x.channels * op.geometry.width;
        job.w_tap = 1;
        job.w_in = op.geometry.width;
        job.bias = floats(op.bias);
        job.relu = op.relu;
        if (op.geometry.stride > 1) return strided(x, op.geometry, job);
        std::int64_t* const offset = scratch_.get<std::int64_t>(Slot::offsets, op.geometry.width);
        for (int t = 0; t < op.geometry.width; ++t)
            offset[t] = std::int64_t{t} * op.geometry.dilation - op.geometry.pad_left;
        job.x = x.origin;
        job.x_sample = x.channels * x.stride;
        job.x_row = x.stride;
        job.offset = offset;
        job.dilation = op.geometry.dilation;
        correlate(job);
    });
}

Status CpuBackend::run(const ConvGradInput& op) noexcept {
    return guarded([&] {
        const Rows dy = rows_of(op.dy), dx = rows_of(op.dx);
        if (op.geometry.stride > 1)
            return strided_grad_input(dy, floats(op.weight), op.geometry, op.accumulate, dx);
        // dx[i][q] = sum over o, t of w[o][i][t] * dy[o][q + pad_left - t*dilation]
        std::int64_t* const offset = scratch_.get<std::int64_t>(Slot::offsets, op.geometry.width);
        for (int t = 0; t < op.geometry.width; ++t)
            offset[t] = op.geometry.pad_left - std::int64_t{t} * op.geometry.dilation;
        Correlation job;
        job.batch = static_cast<int>(dy.batch);
        job.in = static_cast<int>(dy.channels);
        job.out = static_cast<int>(dx.channels);
        job.taps = op.geometry.width;
        job.x = dy.origin;
        job.x_sample = dy.channels * dy.stride;
        job.x_row = dy.stride;
        job.offset = offset;
        job.dilation = op.geometry.dilation;
        job.w = floats(op.weight);
        job.constant = cpu::constant_array(op.weight);
        job.w_out = op.geometry.width;
        job.w_tap = 1;
        job.w_in = dx.channels * op.geometry.width;
        job.accumulate = op.accumulate;
        job.y = dx;
        correlate(job);
    });
}

// Positions q = m*stride + r of dx see the taps with (r + pad_left - t*dilation) divisible by the stride, at
// p = m + (r + pad_left - t*dilation) / stride: one correlation for every r.
void CpuBackend::strided_grad_input(const Rows& dy, const float* weight, const ConvGeometry& geometry,
                                    bool accumulate, const Rows& dx) {
    const std::int64_t stride = geometry.stride, count = ceil_div(dx.length, stride);
    // dy is read up to this far outside its row.
    const std::int64_t reach =
        ceil_div(std::int64_t{geometry.width} * geometry.dilation + geometry.pad_left, stride) + 1;
    const std::int64_t tail = std::max<std::int64_t>(count - dy.length, 0) + reach;
    const Shape padded_shape{dy.batch, dy.channels, dy.length};
    const Halo padded_halo{reach, tail};
    Rows padded = cpu::rows_of(nullptr, padded_shape, padded_halo);
    padded = cpu::rows_of(scratch_.get<float>(Slot::padded, cpu::floats_of(padded_shape, padded_halo)),
                          padded_shape, padded_halo);
    parallel(dy.batch * dy.channels, [&](std::int64_t task, int) {
        float* const to = padded.row(task / dy.channels, task % dy.channels);
        std::copy_n(dy.row(task / dy.channels, task % dy.channels), dy.length, to);
        padded.zero_edges(to);
    });
    const Shape part_shape{dx.batch, dx.channels, count};
    const Rows part =
        cpu::rows_of(scratch_.get<float>(Slot::output, cpu::floats_of(part_shape, {})), part_shape, {});
    std::int64_t* const offset = scratch_.get<std::int64_t>(Slot::offsets, geometry.width);
    for (std::int64_t r = 0; r < stride; ++r) {
        // The taps of this phase lie a fixed number apart: the first that fits, then every stride /
        // gcd(stride, dilation).
        int first = 0, step = 0, taps = 0;
        for (int t = 0; t < geometry.width; ++t) {
            const std::int64_t at = r + geometry.pad_left - std::int64_t{t} * geometry.dilation;
            if (modulo(at, stride) != 0) continue;
            if (taps == 0) first = t;
            if (taps == 1) step = t - first;
            offset[taps++] = floor_div(at, stride);
        }
        if (taps > 0) {
            Correlation job;
            job.batch = static_cast<int>(dy.batch);
            job.in = static_cast<int>(dy.channels);
            job.out = static_cast<int>(dx.channels);
            job.taps = taps;
            job.x = padded.origin;
            job.x_sample = padded.channels * padded.stride;
            job.x_row = padded.stride;
            job.offset = offset;
            job.w = weight + first;
            job.w_out = geometry.width;
            job.w_tap = step;
            job.w_in = dx.channels * geometry.width;
            job.y = part;
            correlate(job);
        }
        parallel(dx.batch * dx.channels, [&](std::int64_t task, int) {
            float* const to = dx.row(task / dx.channels, task % dx.channels);
            const float* const from = part.row(task / dx.channels, task % dx.channels);
            for (std::int64_t m = 0, q = r; q < dx.length; ++m, q += stride) {
                const float value = taps > 0 ? from[m] : 0.0f;
                to[q] = accumulate ? to[q] + value : value;
            }
            if (!accumulate && r + 1 == stride) dx.zero_edges(to);
        });
    }
}

Status CpuBackend::run(const UpConv& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), y = rows_of(op.y);
        const std::int64_t zero = 0;
        const Shape part_shape{y.batch, y.channels, x.length};
        Correlation job;
        job.batch = static_cast<int>(x.batch);
        job.in = static_cast<int>(x.channels);
        job.out = static_cast<int>(y.channels);
        job.taps = 1;
        job.x = x.origin;
        job.x_sample = x.channels * x.stride;
        job.x_row = x.stride;
        job.offset = &zero;
        job.constant = cpu::constant_array(op.weight);
        job.w_out = op.stride;
        job.w_in = y.channels * op.stride;
        job.bias = floats(op.bias);
        job.relu = op.relu;
        job.y =
            cpu::rows_of(scratch_.get<float>(Slot::output, cpu::floats_of(part_shape, {})), part_shape, {});
        pair(job);
        for (int j = 0; j < op.stride; ++j) {
            job.w = floats(op.weight) + j;
            correlate(job);
            parallel(y.batch * y.channels, [&](std::int64_t task, int) {
                const float* const from = job.y.row(task / y.channels, task % y.channels);
                float* const to = y.row(task / y.channels, task % y.channels);
                for (std::int64_t p = 0; p < x.length; ++p) to[p * op.stride + j] = from[p];
                if (j == 0) y.zero_edges(to);
            });
        }
    });
}

Status CpuBackend::run(const UpConvGradInput& op) noexcept {
    return guarded([&] {
        const Rows dy = rows_of(op.dy);
        ConvGeometry geometry;
        geometry.width = geometry.stride = op.stride;
        Correlation job;
        job.batch = static_cast<int>(dy.batch);
        job.in = static_cast<int>(dy.channels);
        job.y = rows_of(op.dx);
        job.out = static_cast<int>(job.y.channels);
        job.taps = op.stride;
        job.w = floats(op.weight);
        job.constant = cpu::constant_array(op.weight);
        job.w_out = dy.channels * op.stride;
        job.w_tap = 1;
        job.w_in = op.stride;
        job.accumulate = op.accumulate;
        strided(dy, geometry, job);
    });
}

}  // namespace regkit
