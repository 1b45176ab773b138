// What inference and training of the fused tail do with a tile: 128 output positions, a block of four warps
// with 32 positions each. The tile's activations stay in shared memory as [position][channel] in bf16, and
// each layer writes its outputs over its inputs, which a warp holds in registers by then. Weights pass
// through a ring in shared memory, 64 rows at a time, all layers one after the other (tile_ring.hpp).
#pragma once

#include "kernels/cuda/tail/tile_ring.hpp"
#include "kernels/cuda/words.hpp"

namespace regkit::cuda {

inline constexpr int kPositions = 128;        // of a tile
inline constexpr int kWarpPositions = kWarp;  // of a tile's warp: two matrices of 16 rows

// Coarse positions that a tile's output positions can touch, in whole matrices of 16 rows.
__host__ __device__ constexpr int coarse_rows(int stride, int positions) {
    return ((positions - 1) / stride + 2 + kStep - 1) / kStep * kStep;
}

// Where a tile keeps what, in dynamic shared memory, and who works on it: the functions below that have a
// parameter Tile take this one and that of sm90_infer.cu. So they do with Weights, from which come the
// tiles of weights: WeightStream, or what is like it.
struct TileMemory {
    static constexpr int kRows = kPositions, kThreads = kTileThreads;
    static constexpr int kWarps = kThreads / kWarp;
    Bf16* ring;               // kStages * kTileRows rows
    PitchedRows activations;  // kRows
    PitchedRows coarse;       // coarse_rows: the input of an up-convolution

    __device__ TileMemory(const PackedTail& tail, unsigned char* memory)
        : ring(reinterpret_cast<Bf16*>(memory)),
          activations{ring + kStages * kTileRows * tail.pitch(), tail.pitch()},
          coarse{activations.at(kRows, 0), tail.pitch()} {}
    __host__ __device__ static std::size_t bytes(const PackedTail& tail) {
        const int rows = kStages * kTileRows + kRows + (tail.has_up ? coarse_rows(tail.stride, kRows) : 0);
        return static_cast<std::size_t>(rows) * static_cast<std::size_t>(tail.pitch()) * sizeof(Bf16);
    }
};

__device__ inline int lane_id() {
    return static_cast<int>(threadIdx.x) % kWarp;
}
__device__ inline int warp_id() {
    return static_cast<int>(threadIdx.x) / kWarp;
}

// Rows 0..15, columns column..column + 15 of a matrix in shared memory, as the left operand of multiply_add
// or, of rows that are its columns, as the right one of multiply_add_tile.
__device__ inline void load_tile(std::uint32_t (&part)[4], const Bf16* rows, int pitch, int column) {
    const int lane = lane_id();
    load_matrices(part, rows + (lane % kStep) * pitch + column + lane / kStep * kCopied);
}

// Of rows row..row + 15 of PitchedRows or what is like them.
template <typename Rows>
__device__ void load_tile_of(std::uint32_t (&part)[4], const Rows& rows, int row, int column) {
    const int lane = lane_id();
    load_matrices(part, rows.at(row + lane % kStep, column + lane / kStep * kCopied));
}

// load_tile of the transposed matrix: its columns as the rows of the left operand, its rows as those of the
// right one.
__device__ inline void load_tile_transposed(std::uint32_t (&part)[4], const Bf16* rows, int pitch,
                                            int column) {
    const int lane = lane_id();
    load_matrices_transposed(part,
                             rows + (lane / kStep * 8 + lane % 8) * pitch + column + lane / 8 % 2 * kCopied);
}

// Adds to 16x16 sums, columns 0..7 in sum[0] and 8..15 in sum[1], the product of `a` and the tile `b`.
__device__ inline void multiply_add_tile(float (*sum)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[4]) {
    multiply_add(sum[0], a, b[0], b[2]);
    multiply_add(sum[1], a, b[1], b[3]);
}

// Coarse positions [first, first + rows) of a sample of h as [position][channel]; zeroes outside.
template <typename Tile, typename Rows>
__device__ void load_input(const Tensor& h, std::int64_t sample, std::int64_t first, int rows, int width,
                           const Rows& to) {
    for (int i = static_cast<int>(threadIdx.x); i < rows * width; i += Tile::kThreads) {
        const int position = i % rows, channel = i / rows;
        const bool inside = channel < h.channels && first + position < h.length;
        *to.at(position, channel) = to_bf16(inside ? h.at(sample, channel, first + position) : 0.0f);
    }
}

// A warp's 32 positions as operands: kSteps * 16 channels of rows from `first`.
template <int kSteps>
struct OwnRows {
    std::uint32_t part[2][kSteps][4];

    template <typename Rows>
    __device__ void load(const Rows& rows, int first) {
#pragma unroll
        for (int i = 0; i < 2; ++i)
#pragma unroll
            for (int k = 0; k < kSteps; ++k) load_tile_of(part[i][k], rows, first + i * kStep, k * kStep);
    }
};

__device__ inline void store_pair(Bf16* to, std::uint32_t pair) {
    *reinterpret_cast<std::uint32_t*>(to) = pair;
}

// What is done to an output of hidden layer number `layer`, (position of the tile, output of the position).
// Training has its own.
struct Inference {
    __device__ float factor(int, int, int) const { return 1.0f; }  // of dropout
    __device__ void keep(int, int, int, std::uint32_t) const {}    // two neighbouring outputs
};

// relu(sum + bias) of two neighbouring outputs; padding becomes zero, whatever the inputs were.
template <typename Tile, typename Use>
__device__ void activate(const PackedTail& tail, int number, const Tile& at, int position, int output,
                         float low, float high, const Use& use) {
    const PackedLayer& layer = tail.layer[number];
    const float* const bias = tail.bias + layer.bias + output;
    low = output < layer.out ? relu_of(low + bias[0]) * use.factor(number, position, output) : 0.0f;
    high = output + 1 < layer.out ? relu_of(high + bias[1]) * use.factor(number, position, output + 1) : 0.0f;
    const std::uint32_t pair = bf16_pair(low, high);
    store_pair(at.activations.at(position, output), pair);
    use.keep(number, position, output, pair);
}

// The up-convolution from `coarse`, whose first position is `phase` output positions before the tile, to
// `activations`. Four warps share the rows of a tile of weights, each four the coarse positions.
template <int kSteps, typename Tile, typename Weights, typename Use>
__device__ void up_layer(const PackedTail& tail, Weights& stream, const Tile& at, int phase, const Use& use) {
    constexpr int kRowWarps = kTileRows / kStep;
    const PackedLayer& layer = tail.layer[0];
    const int lane = lane_id(), group = warp_id() % kRowWarps * kStep, own = warp_id() / kRowWarps * kStep;
    for (int tile = 0; tile < layer.tiles; ++tile) {
        const auto weights = stream.next();
        const int row = tile * kTileRows + group, j = row / layer.out_width, output = row % layer.out_width;
        for (int first = own; first < coarse_rows(tail.stride, Tile::kRows);
             first += Tile::kWarps / kRowWarps * kStep) {
            float sum[2][4] = {};
#pragma unroll
            for (int k = 0; k < kSteps; ++k) {
                std::uint32_t a[4], b[4];
                load_tile_of(a, at.coarse, first, k * kStep);
                load_tile_of(b, weights, group, k * kStep);
                multiply_add_tile(sum, a, b);
            }
#pragma unroll
            for (int part = 0; part < 4; ++part) {
                const int h = part % 2, half = part / 2;
                const int position = (first + half * 8 + lane / 4) * tail.stride + j - phase;
                const int o = output + h * 8 + lane % 4 * 2;
                if (position >= 0 && position < Tile::kRows)
                    activate(tail, 0, at, position, o, sum[h][2 * half], sum[h][2 * half + 1], use);
            }
        }
    }
}

// Outputs of a hidden layer whose sums are in registers: for all of a tile's there are too few.
inline constexpr int kTogether = kTileRows / 2;

// A hidden dense layer, in place.
template <int kSteps, typename Tile, typename Weights, typename Use>
__device__ void hidden_layer(const PackedTail& tail, int number, Weights& stream, const Tile& at,
                             const Use& use) {
    const PackedLayer& layer = tail.layer[number];
    const int lane = lane_id(), own_first = warp_id() * kWarpPositions;
    OwnRows<kSteps> own;
    for (int tile = 0; tile < layer.tiles; ++tile) {
        const auto weights = stream.next();
        if (tile == 0) own.load(at.activations, own_first);
#pragma unroll
        for (int i = 0; i < 2; ++i) {
#pragma unroll 1
            for (int from = 0; from < kTileRows; from += kTogether) {
                float sum[kTogether / 8][4] = {};
#pragma unroll
                for (int k = 0; k < kSteps; ++k)
#pragma unroll
                    for (int t = 0; t < kTogether / kStep; ++t) {
                        std::uint32_t b[4];
                        load_tile_of(b, weights, from + t * kStep, k * kStep);
                        multiply_add_tile(sum + 2 * t, own.part[i][k], b);
                    }
#pragma unroll
                for (int n = 0; n < kTogether / 8; ++n)
#pragma unroll
                    for (int half = 0; half < 2; ++half) {
                        const int position = own_first + i * kStep + half * 8 + lane / 4;
                        const int o = tile * kTileRows + from + n * 8 + lane % 4 * 2;
                        activate(tail, number, at, position, o, sum[n][2 * half], sum[n][2 * half + 1], use);
                    }
            }
        }
    }
}

// From h to the last layer's input in `activations`, for the tile of output positions that begins at `first`
// of a sample; written by each warp for itself or, when there is no hidden layer, by all: the next tile of
// the stream makes it seen.
template <typename Tile, typename Weights, typename Use>
__device__ void hidden_layers(const PackedTail& tail, const Tensor& h, std::int64_t sample,
                              std::int64_t first, Weights& stream, const Tile& at, const Use& use) {
    const PackedLayer& input = tail.layer[0];
    if (tail.has_up) {
        const std::int64_t coarse = first / tail.stride;
        load_input<Tile>(h, sample, coarse, coarse_rows(tail.stride, Tile::kRows), input.width, at.coarse);
        const int phase = static_cast<int>(first % tail.stride);
        for_width(input, [&](auto steps) { up_layer<decltype(steps)::value>(tail, stream, at, phase, use); });
    } else {
        load_input<Tile>(h, sample, first, Tile::kRows, input.width, at.activations);
    }
    for (int number = tail.has_up ? 1 : 0; number + 1 < tail.depth; ++number)
        for_width(tail.layer[number],
                  [&](auto steps) { hidden_layer<decltype(steps)::value>(tail, number, stream, at, use); });
}

// Logits of 64 markers at a warp's 32 positions: value[t][n][2 * half + e] is marker 16 * t + 8 * half + lane
// / 4 of the tile, position 8 * n + 2 * (lane % 4) + e of the warp.
struct Logits {
    float value[kTileRows / kStep][kWarpPositions / 8][4];

    template <int kSteps>
    __device__ void compute(const OwnRows<kSteps>& own, const PitchedRows& weights, const float* bias) {
#pragma unroll
        for (int t = 0; t < kTileRows / kStep; ++t)
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const float start = bias[t * kStep + half * 8 + lane_id() / 4];
#pragma unroll
                for (int n = 0; n < kWarpPositions / 8; ++n)
                    value[t][n][2 * half] = value[t][n][2 * half + 1] = start;
            }
#pragma unroll
        for (int k = 0; k < kSteps; ++k)
#pragma unroll
            for (int t = 0; t < kTileRows / kStep; ++t) {
                std::uint32_t a[4];
                load_tile_of(a, weights, t * kStep, k * kStep);
#pragma unroll
                for (int i = 0; i < 2; ++i) multiply_add_tile(value[t] + 2 * i, a, own.part[i][k]);
            }
    }
};

}  // namespace regkit::cuda
