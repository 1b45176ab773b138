// Dilated convolution as a product of matrices whose rows shift: y[p][:] = sum over taps t of x[p +
// t*dilation - shift][:] * W_t. The gradient with respect to the input is the same with the taps in reverse
// and W transposed.
//
// A block of 4 warps computes 128 positions x 64 output channels; a warp 32 x 64, in 64 registers a lane. A
// warp's positions are a segment (rows.hpp), so that its window of 32 + width - 1 rows of x serves every tap:
// tap t begins at row t. Windows hold 64 input channels; within them a step is one tap, whose 64 x 64 weights
// the whole block shares, kStages deep in flight. Each window is private to its warp, but comes and goes with
// the steps.
//
// Computed, not measured, for 64 -> 64 channels of width 10: a tile is 10.5 MFLOP on 21 KB of x and 80 KB of
// weights, mostly out of L2: 104 FLOP a byte, so at an assumed 5.5 TB/s L2 allows 570 TFLOP/s. For 16 of a
// warp's products (32 K multiply-adds) shared memory gives 3 KB: 4 warps need 96 cycles of it beside 128
// cycles of an sm_80's tensor cores, or about 103 of an sm_90's as mma.sync reaches them. Device memory, with
// x in fp32 made rows first, moves 656 bytes a position of 82 KFLOP: 125 FLOP a byte, 375 TFLOP/s at 3 TB/s,
// which fp32 tensors cost.
#include <algorithm>

#include "kernels/base/arithmetic.hpp"
#include "kernels/cuda/conv/row_shift.hpp"
#include "kernels/cuda/conv/sm80.hpp"
#include "kernels/cuda/rows.hpp"

namespace regkit::cuda {

namespace {

constexpr int kWarps = 4;
constexpr int kStages = 3;
constexpr int kWeights = kRowTile * kRowTile;  // of a stage
constexpr int kBlockPositions = kWarps * kSegment;

// The sums on their way out: a row a channel. The pitches spread what a warp writes, and what it reads, over
// all banks.
constexpr int kSegmentPitch = kSegment + 8;
constexpr int kChannelPitch = kWarps * kSegmentPitch + 4;

// A window is free for the next but one when its last tap is done, kStages - 1 steps before which the copy
// begins.
int windows_of(std::int64_t channels, std::int64_t taps) {
    if (channels <= kRowTile) return 1;
    return taps >= kStages - 1 ? 2 : 3;
}

std::int64_t shared_bytes(std::int64_t channels, std::int64_t taps) {
    const std::int64_t window = kWarps * (kSegment + taps - 1) * kRowTile;
    const std::int64_t operands = kStages * kWeights + windows_of(channels, taps) * window;
    constexpr std::int64_t kSums = sizeof(float) * kRowTile * kChannelPitch;
    return std::max(operands * std::int64_t{sizeof(Bf16)}, kSums);
}

// What one warp does of a tile.
struct Tile {
    const RowShift& g;
    const Bf16* x;  // of the sample
    const Bf16* weight;
    Bf16* weights;  // in shared memory
    Bf16* windows;
    std::int64_t first;  // position
    int column;          // of the weights
    int warp, lane;

    __device__ int rows() const { return kSegment + g.taps - 1; }
    __device__ Bf16* window(int depth) const {
        return windows + (depth % g.windows * kWarps + warp) * rows() * kRowTile;
    }
    // Channels of the input from the depth's first on, at most kRowTile.
    __device__ int channels(int depth) const {
        const int left = g.in - depth * kRowTile;
        return left < kRowTile ? left : kRowTile;
    }

    __device__ void start_window(int depth) const {
        const int chunk = lane % kChunks;
        if (chunk * kCopied >= channels(depth)) return;
        for (int i = lane / kChunks; i < rows(); i += kWarp / kChunks) {
            const std::int64_t q = first - g.shift + g.dilation * i;
            const bool inside = q >= 0 && q < g.in_length;
            copy_async(window(depth) + swizzled(i, chunk),
                       x + (inside ? q : 0) * g.in + depth * kRowTile + chunk * kCopied, inside);
        }
    }
    // Begins the copies of a step and commits them.
    __device__ void start(int step, int steps) const {
        if (step < steps) {
            const int depth = step / g.taps, tap = step % g.taps;
            const int thread = warp * kWarp + lane, chunk = thread % kChunks;
            const Bf16* const from =
                weight + (std::int64_t{tap} * g.in + depth * kRowTile) * g.columns + column + chunk * kCopied;
            Bf16* const to = weights + step % kStages * kWeights;
            for (int k = thread / kChunks; k < channels(depth); k += kWarps * kWarp / kChunks)
                copy_async(to + swizzled(k, chunk), from + std::int64_t{k} * g.columns, true);
            if (tap == 0 && first < g.out_length) start_window(depth);
        }
        commit_copies();
    }

    __device__ void multiply(int step, float (&sum)[2][kChunks][4]) const {
        const int depth = step / g.taps, tap = step % g.taps;
        const Bf16* const from = window(depth);
        const Bf16* const by = weights + step % kStages * kWeights;
        const int limit = channels(depth);
#pragma unroll
        for (int k = 0; k < kRowTile; k += kRowUnit) {
            if (k >= limit) break;
            std::uint32_t a[2][4];
            for (int m = 0; m < 2; ++m)
                load_matrices(a[m], from + swizzled(tap + m * 16 + lane % 16, k / kCopied + lane / 16));
#pragma unroll
            for (int j = 0; j < kChunks; j += 2) {
                std::uint32_t b[4];
                load_matrices_transposed(b, by + swizzled(k + lane % 16, j + lane / 16));
                for (int m = 0; m < 2; ++m) {
                    multiply_add(sum[m][j], a[m], b[0], b[1]);
                    multiply_add(sum[m][j + 1], a[m], b[2], b[3]);
                }
            }
        }
    }
};

// Leaves a warp's sums in shared memory, where positions follow one another.
__device__ void leave_sums(const float (&sum)[2][kChunks][4], int warp, int lane, float* staged) {
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int j = 0; j < kChunks; ++j)
            for (int i = 0; i < 4; ++i) {
                const int channel = j * 8 + lane % 4 * 2 + i % 2, row = m * 16 + lane / 4 + i / 2 * 8;
                staged[channel * kChannelPitch + warp * kSegmentPitch + row] = sum[m][j][i];
            }
}

// Lanes that follow one another take positions that do: along the segment, or across the block's segments.
__device__ void write_sums(const RowShift& g, const float* staged, const float* bias, std::int64_t column,
                           int warp, int lane, float* y) {
    for (int k = lane; k < kBlockPositions; k += kWarp) {
        const int segment = g.dilation == 1 ? k / kSegment : k % kWarps;
        const int row = g.dilation == 1 ? k % kSegment : k / kWarps;
        const std::int64_t number = std::int64_t{blockIdx.x} * kWarps + segment;
        const std::int64_t p = first_of_segment(number, g.dilation) + g.dilation * row;
        if (p >= g.out_length) continue;
        for (int c = warp; c < kRowTile && column + c < g.out; c += kWarps) {
            float value = staged[c * kChannelPitch + segment * kSegmentPitch + row];
            if (bias) value += bias[column + c];
            if (g.relu) value = relu_of(value);
            float& to = y[(column + c) * g.out_length + p];
            to = g.accumulate ? to + value : value;
        }
    }
}

__global__ void __launch_bounds__(kWarps* kWarp, 3)
    row_shift_kernel(RowShift g, const Bf16* x, const Bf16* weight, const float* bias, float* y) {
    const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
    const int steps = (g.in + kRowTile - 1) / kRowTile * g.taps;
    Bf16* const shared = reinterpret_cast<Bf16*>(dynamic_shared());
    float* const staged = reinterpret_cast<float*>(dynamic_shared());
    const int column = static_cast<int>(blockIdx.y) * kRowTile;
    const std::int64_t first = first_of_segment(std::int64_t{blockIdx.x} * kWarps + warp, g.dilation);
    for (std::int64_t n = blockIdx.z; n < g.batch; n += gridDim.z) {
        const Tile tile{
            g,   x + n * g.in_length * g.in, weight, shared, shared + kStages * kWeights, first, column, warp,
            lane};
        float sum[2][kChunks][4] = {};
        for (int step = 0; step < kStages - 1; ++step) tile.start(step, steps);
        for (int step = 0; step < steps; ++step) {
            wait_copies<kStages - 2>();
            __syncthreads();  // the step's operands are there, and those of the step before may be
                              // overwritten
            tile.start(step + kStages - 1, steps);
            if (first < g.out_length) tile.multiply(step, sum);
        }
        __syncthreads();  // nobody needs the operands any more
        leave_sums(sum, warp, lane, staged);
        __syncthreads();
        write_sums(g, staged, bias, column, warp, lane, y + n * g.out * g.out_length);
        __syncthreads();  // the next sample's operands may come
    }
}

// Weights as the kernel takes them: [tap][in][columns], zero beyond the layer's channels.
struct PackWeights {
    ShiftWeights weights;
    std::int64_t in, columns;
    Bf16* to;
    __device__ void operator()(std::int64_t index) const {
        to[index] = to_bf16(weights.at(index / columns / in, index / columns % in, index % columns));
    }
};

}  // namespace

void sm80_row_shift(const RowShift& shift, const Tensor& x, const ShiftWeights& weights, const float* bias,
                    float* y, Scratch& scratch) {
    RowShift g = shift;
    const Rows rows = rows_of(x, Scratch::kConvInput, scratch);
    g.in = static_cast<int>(rows.channels);
    g.columns = static_cast<int>(round_up(g.out, kRowTile));
    g.windows = windows_of(g.in, g.taps);
    const std::int64_t values = std::int64_t{g.taps} * g.in * g.columns;
    Bf16* const packed = scratch.get<Bf16>(Scratch::kConvWeights, values);
    for_each(values, PackWeights{weights, g.in, g.columns, packed});
    const dim3 grid(blocks_for(segments_of(g.out_length, g.dilation), kWarps),
                    blocks_for(g.columns, kRowTile), at_most_rounds(g.batch));
    launch_with_shared(row_shift_kernel, grid, dim3(kWarps * kWarp),
                       static_cast<std::size_t>(shared_bytes(g.in, g.taps)), g, rows.data, packed, bias, y);
}

bool fits_sm80_conv(const ConvProblem& g) {
    constexpr std::int64_t kShared = 163 << 10;  // what a block can have on sm_80
    const std::int64_t channels = round_up(g.in > g.out ? g.in : g.out, kRowUnit);
    return g.stride == 1 && shared_bytes(channels, g.width) <= kShared;
}

}  // namespace regkit::cuda
