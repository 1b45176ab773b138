// Gradient of a convolution's weights: dW_t[i][o] = sum over positions p of x[p + t*dilation - shift][i] *
// dy[p][o].
//
// A block has one warp a tap, at most kMostTaps, and 64 x 64 channels; a warp computes its tap's 64 x 64
// sums, in 128 registers a lane. A step is a segment of 32 positions (rows.hpp): 32 rows of dy and the 32 +
// taps - 1 rows of x that they meet, so that each tap reads the same rows one further on. Positions are the
// products' depth: both operands are loaded transposed.
//
// The segments of all samples are split among blocks by the shape alone, each of which leaves its sums in
// device memory; a second kernel adds them up in their order.
//
// Computed, not measured: a step of five taps is 1.3 MFLOP on 8.7 KB, 150 FLOP a byte out of L2; for 32 of a
// warp's products (65 K multiply-adds, 64 cycles of an sm_80's tensor cores) shared memory gives 4 KB, in 32
// cycles. The partial sums, 80 KB a block, are written and read once.
#include "kernels/base/arithmetic.hpp"
#include "kernels/cuda/conv/sm80.hpp"
#include "kernels/cuda/conv/weight_sums.hpp"
#include "kernels/cuda/rows.hpp"

namespace regkit::cuda {

namespace {

constexpr int kMostTaps = 5;
constexpr int kStages = 4;
constexpr std::int64_t kWantedBlocks = 264;  // two for each processor of the largest GPU

// Plain data, passed to the kernel by value.
struct WeightGradient {
    std::int64_t in_length, out_length;
    int in, out;  // channels of the rows
    WeightSums sums;
    int group;  // of the taps that a block does
    std::int64_t dilation, shift;
    std::int64_t steps;      // segments of all samples
    std::int64_t per_block;  // of them
    std::int64_t segments;   // of a sample

    int groups() const { return (sums.taps + group - 1) / group; }
    std::int64_t tiles() const { return std::int64_t{groups()} * sums.in_tiles * sums.out_tiles; }
};

// Which sums a block computes.
struct WeightTile {
    const WeightGradient& g;
    const Bf16* x;
    const Bf16* dy;
    Bf16* shared;
    int tap;            // the group's first
    int input, output;  // the first channels

    __device__ Bf16* stage(std::int64_t step) const {
        return shared + step % kStages * (2 * kSegment + g.group - 1) * kRowTile;
    }
    // Begins the copies of a segment and commits them: dy first, then x.
    __device__ void start(std::int64_t step, std::int64_t end) const {
        if (step < end) {
            const std::int64_t n = step / g.segments, first = first_of_segment(step % g.segments, g.dilation);
            Bf16* const to = stage(step);
            const int thread = static_cast<int>(threadIdx.x), count = static_cast<int>(blockDim.x);
            for (int c = thread; c < kSegment * kChunks; c += count) {
                const int row = c / kChunks, chunk = c % kChunks;
                const std::int64_t p = first + g.dilation * row;
                const bool inside = p < g.out_length && output + chunk * kCopied < g.out;
                copy_async(to + swizzled(row, chunk),
                           dy + (inside ? (n * g.out_length + p) * g.out + output + chunk * kCopied : 0),
                           inside);
            }
            for (int c = thread; c < (kSegment + g.group - 1) * kChunks; c += count) {
                const int row = c / kChunks, chunk = c % kChunks;
                const std::int64_t q = first - g.shift + g.dilation * (tap + row);
                const bool inside = q >= 0 && q < g.in_length && input + chunk * kCopied < g.in;
                copy_async(to + swizzled(kSegment + row, chunk),
                           x + (inside ? (n * g.in_length + q) * g.in + input + chunk * kCopied : 0), inside);
            }
        }
        commit_copies();
    }
    __device__ void multiply(std::int64_t step, int warp, int lane, float (&sum)[4][kChunks][4]) const {
        const Bf16* const of_dy = stage(step);
        const int first_row = kSegment + warp;
#pragma unroll
        for (int k = 0; k < kSegment; k += 16) {
            std::uint32_t b[kChunks / 2][4];
#pragma unroll
            for (int j = 0; j < kChunks / 2; ++j)
                load_matrices_transposed(b[j], of_dy + swizzled(k + lane % 16, 2 * j + lane / 16));
#pragma unroll
            for (int m = 0; m < 4; ++m) {
                std::uint32_t a[4];
                load_matrices_transposed(
                    a, of_dy + swizzled(first_row + k + lane / 16 * 8 + lane % 8, 2 * m + lane / 8 % 2));
#pragma unroll
                for (int j = 0; j < kChunks / 2; ++j) {
                    multiply_add(sum[m][2 * j], a, b[j][0], b[j][1]);
                    multiply_add(sum[m][2 * j + 1], a, b[j][2], b[j][3]);
                }
            }
        }
    }
};

// partial: of each block of segments, its sums.
__global__ void __launch_bounds__(kMostTaps* kWarp)
    weight_gradient_kernel(WeightGradient g, const Bf16* x, const Bf16* dy, float* partial) {
    const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
    const int tile_number = static_cast<int>(blockIdx.x);
    const int output = tile_number % g.sums.out_tiles * kRowTile;
    const int input = tile_number / g.sums.out_tiles % g.sums.in_tiles * kRowTile;
    const int tap = tile_number / g.sums.out_tiles / g.sums.in_tiles * g.group;
    const WeightTile tile{g, x, dy, reinterpret_cast<Bf16*>(dynamic_shared()), tap, input, output};
    const std::int64_t begin = blockIdx.y * g.per_block;
    const std::int64_t end = begin + g.per_block < g.steps ? begin + g.per_block : g.steps;
    float sum[4][kChunks][4] = {};
    for (std::int64_t step = begin; step < begin + kStages - 1; ++step) tile.start(step, end);
    for (std::int64_t step = begin; step < end; ++step) {
        wait_copies<kStages - 2>();
        __syncthreads();  // the step's rows are there, and those of the step before may be overwritten
        tile.start(step + kStages - 1, end);
        tile.multiply(step, warp, lane, sum);
    }
    if (tap + warp >= g.sums.taps) return;
    float* const to = partial + blockIdx.y * g.sums.count();
#pragma unroll
    for (int m = 0; m < 4; ++m)
#pragma unroll
        for (int j = 0; j < kChunks; ++j)
            for (int i = 0; i < 4; ++i) {
                const int row = input + m * 16 + lane / 4 + i / 2 * 8;
                const int column = output + j * 8 + lane % 4 * 2 + i % 2;
                to[g.sums.place(tap + warp, row, column)] = sum[m][j][i];
            }
}

// Adds up the blocks' sums, in their order.
struct AddPartials {
    WeightSums sums;
    const float* partial;
    std::int64_t blocks, in, out;  // the layer's channels
    float* d_weight;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t o = index % out, i = index / out % in, tap = index / out / in;
        float sum = 0;
        for (std::int64_t b = 0; b < blocks; ++b) sum += partial[b * sums.count() + sums.place(tap, i, o)];
        d_weight[(o * in + i) * sums.taps + tap] += sum;
    }
};

}  // namespace

void sm80_weight_gradient(const ConvProblem& c, const Tensor& x, const Tensor& dy, float* d_weight,
                          Scratch& scratch) {
    const Rows x_rows = rows_of(x, Scratch::kConvInput, scratch);
    const Rows dy_rows = rows_of(dy, Scratch::kConvGradient, scratch);
    WeightGradient g{};
    g.in_length = c.in_length;
    g.out_length = c.out_length;
    g.in = static_cast<int>(x_rows.channels);
    g.out = static_cast<int>(dy_rows.channels);
    g.sums = weight_sums_of(c);
    const int groups = (g.sums.taps + kMostTaps - 1) / kMostTaps;
    g.group = (g.sums.taps + groups - 1) / groups;
    g.dilation = c.dilation;
    g.shift = c.pad_left;
    g.segments = segments_of(c.out_length, c.dilation);
    g.steps = c.batch * g.segments;
    const std::int64_t wanted = (kWantedBlocks + g.tiles() - 1) / g.tiles();
    g.per_block = (g.steps + wanted - 1) / wanted;
    const std::int64_t blocks = (g.steps + g.per_block - 1) / g.per_block;
    float* const partial = scratch.get<float>(Scratch::kConvPartials, blocks * g.sums.count());
    const std::size_t bytes =
        kStages * static_cast<std::size_t>(2 * kSegment + g.group - 1) * kRowTile * sizeof(Bf16);
    launch_with_shared(
        weight_gradient_kernel, dim3(static_cast<unsigned>(g.tiles()), static_cast<unsigned>(blocks)),
        dim3(static_cast<unsigned>(g.group * kWarp)), bytes, g, x_rows.data, dy_rows.data, partial);
    add_weight_sums(c, g.sums, partial, blocks, d_weight);
}

WeightSums weight_sums_of(const ConvProblem& g) {
    return {static_cast<int>(g.width), static_cast<int>(blocks_for(g.in, kRowTile)),
            static_cast<int>(blocks_for(g.out, kRowTile))};
}

void add_weight_sums(const ConvProblem& g, const WeightSums& sums, const float* partial, std::int64_t blocks,
                     float* d_weight) {
    for_each(g.width * g.in * g.out, AddPartials{sums, partial, blocks, g.in, g.out, d_weight});
}

}  // namespace regkit::cuda
