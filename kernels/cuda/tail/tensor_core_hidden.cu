// The hidden layers at training. Forward a block takes a tile of positions through all of them, as inference
// does, and keeps their outputs. Backward begins with the gradients of a layer's sums, which are rows of bf16
// in device memory:
//  - of a layer's input: a block has 128 rows, a warp 32 of them for all inputs, 128 registers of sums;
//    outputs, the products' depth, pass through shared memory 64 at a time, gradients and weights together;
//  - of its weights: a block has 64 outputs, a warp 16 of them for all inputs, and a range of rows, the
//    products' depth, which pass 64 at a time. The gradients' sums, the bias, are a product with ones.
// An up-convolution is a dense layer on coarse positions (packed.hpp) here too: the gradients of a
// coarse position's outputs lie side by side, phase by phase.
#include <algorithm>

#include "kernels/cuda/tail/train_rows.hpp"

namespace regkit::cuda {

namespace {

constexpr int kGradientPitch = kTileRows + kCopied;
constexpr std::uint32_t kOnes = 0x3F803F80u;  // two of them in bf16
constexpr std::int64_t kWantedBlocks = 264;   // two for each processor of the largest GPU

// What training does with the layers' outputs in a tile.
struct Training {
    const TailDropout& dropout;
    const TailRows& rows;
    const PackedTail& tail;
    std::int64_t sample;  // of the piece
    std::int64_t row;     // the tile's first, of TailRows
    std::int64_t coarse;  // where the tile begins in the sample ...
    int phase;            // ... and at which output position of it

    __device__ float factor(int number, int position, int output) const {
        const LayerDropout& layer = dropout.layer[number];
        if (!layer.on) return 1.0f;
        const int place = phase + position;
        return dropout_factor(layer.key, layer.sample + static_cast<std::uint32_t>(sample),
                              std::int64_t{output} * tail.stride + place % tail.stride,
                              layer.first + coarse + place / tail.stride);
    }
    __device__ void keep(int number, int position, int output, std::uint32_t pair) const {
        const int width = tail.layer[number + 1].width;
        store_pair(rows.inputs[number + 1] + (row + position) * width + output, pair);
    }
};

__global__ void __launch_bounds__(kTileThreads)
    tail_hidden_kernel(PackedTail tail, Tensor h, TrainPiece piece, TailRows rows, TailDropout dropout) {
    const TileMemory at(tail, dynamic_shared());
    const std::int64_t sample = blockIdx.x / piece.tiles();
    const std::int64_t first = blockIdx.x % piece.tiles() * kPositions;  // in the piece's row
    const std::int64_t in_sample = piece.begin * tail.stride + first;
    const Training training{dropout,
                            rows,
                            tail,
                            sample,
                            sample * piece.row() + first,
                            in_sample / tail.stride,
                            static_cast<int>(in_sample % tail.stride)};
    WeightStream stream(tail, at.ring, tail.last().first_tile);
    hidden_layers(tail, h, piece.first_sample + sample, in_sample, stream, at, training);
}

// The tiles of 64 outputs that 128 rows and their weights pass by in.
template <int kSteps>
struct OutputTiles {
    static constexpr int kWidth = kSteps * kStep, kPitch = kWidth + kCopied;
    static constexpr int kValues = kPositions * kGradientPitch + kTileRows * kPitch;

    RowMatrix gradient, weights;
    std::int64_t sample, first, length;
    Bf16* ring;
    int outputs;

    __device__ Bf16* gradients_of(int stage) const { return ring + stage * kValues; }
    __device__ Bf16* weights_of(int stage) const { return gradients_of(stage) + kPositions * kGradientPitch; }
    __device__ void start(std::int64_t number, int stage) const {
        const int output = static_cast<int>(number) * kTileRows;
        copy_rows(gradient, sample, first, length, output, kPositions, kTileRows, gradients_of(stage),
                  kGradientPitch);
        copy_rows(weights, 0, output, outputs, 0, kTileRows, kWidth, weights_of(stage), kPitch);
    }
};

template <int kSteps>
__global__ void __launch_bounds__(kTileThreads)
    input_gradient_kernel(RowMatrix gradient, RowMatrix weights, int tiles, std::int64_t length,
                          unsigned row_tiles, GradientSink sink) {
    using Tiles = OutputTiles<kSteps>;
    const std::int64_t sample = blockIdx.x / row_tiles,
                       first = std::int64_t{blockIdx.x % row_tiles} * kPositions;
    const int own_first = warp_id() * kWarpPositions;
    const Tiles source{
        gradient,         weights, sample, first, length, reinterpret_cast<Bf16*>(dynamic_shared()),
        tiles * kTileRows};
    Ring<Tiles> ring(source, 0, tiles);
    float sum[2][2 * kSteps][4] = {};
    for (int tile = 0; tile < tiles; ++tile) {
        const int stage = ring.next();
#pragma unroll
        for (int k = 0; k < kTileRows; k += kStep) {
            std::uint32_t a[2][4];
#pragma unroll
            for (int i = 0; i < 2; ++i)
                load_tile(a[i], source.gradients_of(stage) + (own_first + i * kStep) * kGradientPitch,
                          kGradientPitch, k);
            add_product<kSteps>(sum, a, source.weights_of(stage) + k * Tiles::kPitch, Tiles::kPitch);
        }
    }
    store_gradient<kSteps>(sum, sink, sample, first + own_first, length);
}

// Tiles of 64 rows: 64 gradients and all inputs of each.
template <int kSteps>
struct PairTiles {
    static constexpr int kWidth = kSteps * kStep, kPitch = kWidth + kCopied;
    static constexpr int kValues = kTileRows * (kGradientPitch + kPitch);

    RowMatrix gradient, input;
    std::int64_t length, row_tiles;  // of a sample
    int output;
    Bf16* ring;

    __device__ Bf16* gradients_of(int stage) const { return ring + stage * kValues; }
    __device__ Bf16* inputs_of(int stage) const { return gradients_of(stage) + kTileRows * kGradientPitch; }
    __device__ void start(std::int64_t number, int stage) const {
        const std::int64_t sample = number / row_tiles, first = number % row_tiles * kTileRows;
        copy_rows(gradient, sample, first, length, output, kTileRows, kTileRows, gradients_of(stage),
                  kGradientPitch);
        copy_rows(input, sample, first, length, 0, kTileRows, kWidth, inputs_of(stage), kPitch);
    }
};

// weights: [range][outputs][inputs], bias: [range][outputs]; gridDim.x blocks of 64 outputs.
template <int kSteps>
__global__ void __launch_bounds__(kTileThreads)
    weight_gradient_kernel(RowMatrix gradient, RowMatrix input, std::int64_t length, std::int64_t row_tiles,
                           std::int64_t tiles, std::int64_t per_range, float* weights, float* bias) {
    using Tiles = PairTiles<kSteps>;
    const int output = static_cast<int>(blockIdx.x) * kTileRows, own_first = warp_id() * kStep,
              lane = lane_id();
    const Tiles source{gradient, input, length, row_tiles, output, reinterpret_cast<Bf16*>(dynamic_shared())};
    const std::int64_t begin = blockIdx.y * per_range;
    const std::int64_t end = begin + per_range < tiles ? begin + per_range : tiles;
    Ring<Tiles> ring(source, begin, end);
    float sum[2 * kSteps][4] = {}, bias_sum[4] = {};
    for (std::int64_t tile = begin; tile < end; ++tile) {
        const int stage = ring.next();
#pragma unroll
        for (int k = 0; k < kTileRows; k += kStep) {
            std::uint32_t a[4];
            load_tile_transposed(a, source.gradients_of(stage) + k * kGradientPitch, kGradientPitch,
                                 own_first);
            multiply_add(bias_sum, a, kOnes, kOnes);
#pragma unroll
            for (int c = 0; c < kSteps; ++c) {
                std::uint32_t b[4];
                load_tile_transposed(b, source.inputs_of(stage) + k * Tiles::kPitch, Tiles::kPitch,
                                     c * kStep);
                multiply_add_tile(sum + 2 * c, a, b);
            }
        }
    }
    const std::int64_t row = (std::int64_t{blockIdx.y} * gridDim.x + blockIdx.x) * kTileRows + own_first;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const std::int64_t own = row + half * 8 + lane / 4;
        if (lane % 4 == 0) bias[own] = bias_sum[2 * half];
#pragma unroll
        for (int n = 0; n < 2 * kSteps; ++n)
#pragma unroll
            for (int e = 0; e < 2; ++e)
                weights[own * Tiles::kWidth + n * 8 + lane % 4 * 2 + e] = sum[n][2 * half + e];
    }
}

// The order of a layer's own weights: dense [out][in], up-convolution [in][out][phases].
struct AddWeights {
    PackedLayer layer;
    int phases;
    std::int64_t ranges, rows;
    const float* partial;
    float scale;
    float* to;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t per_input = std::int64_t{layer.out} * phases;
        const std::int64_t input = phases > 0 ? index / per_input : index % layer.in;
        const std::int64_t row =
            phases > 0 ? index % phases * layer.out_width + index / phases % layer.out : index / layer.in;
        float sum = 0;
        for (std::int64_t r = 0; r < ranges; ++r) sum += partial[(r * rows + row) * layer.width + input];
        to[index] += scale * sum;
    }
};

struct AddBias {
    PackedLayer layer;
    int phases;  // at least 1
    std::int64_t ranges, rows;
    const float* partial;
    float scale;
    float* to;
    __device__ void operator()(std::int64_t output) const {
        float sum = 0;
        for (std::int64_t r = 0; r < ranges; ++r)
            for (int phase = 0; phase < phases; ++phase)
                sum += partial[r * rows + phase * layer.out_width + output];
        to[output] += scale * sum;
    }
};

template <int kSteps>
void start_input_gradient(const RowMatrix& gradient, const RowMatrix& weights, int tiles,
                          std::int64_t samples, std::int64_t length, const GradientSink& sink) {
    const unsigned row_tiles = blocks_for(length, kPositions);
    launch_with_shared(input_gradient_kernel<kSteps>, dim3(static_cast<unsigned>(samples) * row_tiles),
                       dim3(kTileThreads), kStages * OutputTiles<kSteps>::kValues * sizeof(Bf16), gradient,
                       weights, tiles, length, row_tiles, sink);
}

template <int kSteps>
void start_weight_gradient(const PackedLayer& layer, std::int64_t samples, std::int64_t length,
                           const RowMatrix& gradient, const RowMatrix& input, const ParameterSums& to,
                           Scratch& scratch) {
    const std::int64_t row_tiles = blocks_for(length, kTileRows), tiles = samples * row_tiles;
    const Ranges ranges = ranges_of(tiles, layer.tiles);
    const std::int64_t rows = std::int64_t{layer.tiles} * kTileRows;
    float* const weights =
        scratch.get<float>(Scratch::kTailPartials, ranges.count * rows * (layer.width + 1));
    float* const bias = weights + ranges.count * rows * layer.width;
    launch_with_shared(weight_gradient_kernel<kSteps>,
                       dim3(static_cast<unsigned>(layer.tiles), static_cast<unsigned>(ranges.count)),
                       dim3(kTileThreads), kStages * PairTiles<kSteps>::kValues * sizeof(Bf16), gradient,
                       input, length, row_tiles, tiles, ranges.per_range, weights, bias);
    add_ranges(layer, ranges.count, rows, weights, bias, to);
}

}  // namespace

Ranges ranges_of(std::int64_t tiles, std::int64_t blocks_a_range) {
    const std::int64_t wanted = std::max<std::int64_t>(1, kWantedBlocks / blocks_a_range);
    const std::int64_t per_range = (tiles + wanted - 1) / wanted;
    return {per_range, (tiles + per_range - 1) / per_range};
}

void add_ranges(const PackedLayer& layer, std::int64_t ranges, std::int64_t rows, const float* weights,
                const float* bias, const ParameterSums& to) {
    const int phases = std::max(1, to.phases);
    for_each(std::int64_t{layer.in} * layer.out * phases,
             AddWeights{layer, to.phases, ranges, rows, weights, to.scale, to.d_weight});
    if (to.d_bias) for_each(layer.out, AddBias{layer, phases, ranges, rows, bias, to.scale, to.d_bias});
}

void tail_hidden_forward(const PackedTail& tail, const Tensor& h, const TrainPiece& piece,
                         const TailRows& rows, const TailDropout& dropout) {
    launch_with_shared(tail_hidden_kernel, dim3(static_cast<unsigned>(piece.samples * piece.tiles())),
                       dim3(kTileThreads), TileMemory::bytes(tail), tail, h, piece, rows, dropout);
}

void tail_input_gradient(const PackedTail& tail, int number, const TrainPiece& piece, std::int64_t length,
                         const RowMatrix& gradient, const GradientSink& sink) {
    const PackedLayer& layer = tail.layer[number];
    for_width(layer, [&](auto steps) {
        start_input_gradient<steps()>(gradient, weights_of(tail, layer), layer.tiles, piece.samples, length,
                                      sink);
    });
}

void tail_weight_gradient(const PackedLayer& layer, const TrainPiece& piece, std::int64_t length,
                          const RowMatrix& gradient, const RowMatrix& input, const ParameterSums& to,
                          Scratch& scratch) {
    for_width(layer, [&](auto steps) {
        start_weight_gradient<steps()>(layer, piece.samples, length, gradient, input, to, scratch);
    });
}

}  // namespace regkit::cuda
