// What the kernels of the tail's training share: a piece of the batch, and the matrices of bf16 that they
// keep of it in device memory, with a row a position.
#pragma once

#include "kernels/cuda/tail/loss.hpp"
#include "kernels/cuda/tail/tile.hpp"

namespace regkit::cuda {

// Coarse positions [begin, begin + coarse) of samples [first_sample, first_sample + samples).
struct TrainPiece {
    std::int64_t first_sample, samples;
    std::int64_t begin, coarse;
    std::int64_t length;  // output positions of a sample

    __host__ __device__ std::int64_t tiles() const { return (length + kPositions - 1) / kPositions; }
    __host__ __device__ std::int64_t row() const { return tiles() * kPositions; }  // positions, padded
};

// Which of a tile's positions have a marker: bit p % 32 of word[p / 32]. For the Poisson loss the runs that
// touch the tile: the number of the first, low half and high half, and how many there are.
struct alignas(16) LabelSlot {
    std::uint32_t word[4];
};
inline constexpr int kSlotGroup = 128;  // markers are padded to it

struct Targets {
    const LabelSlot* slots;  // [sample][tile][markers, padded]
    int pitch;               // from tile to tile
    const LabelRun* runs;
    float pos_weight;
};

// Of a hidden layer, as DropoutFactor takes it.
struct LayerDropout {
    DropoutKey key;
    std::uint32_t sample;  // number of the piece's first
    std::int64_t first;    // number of a row's first position
    bool on;

    __host__ __device__ float survivors() const { return on ? key.scale : 1.0f; }
};
struct TailDropout {
    LayerDropout layer[kMostTailLayers];
};

// Of layer k: its inputs where k > 0, and the gradient of its sums where it is not the last. Rows are
// [sample] [TrainPiece::row], as wide as the layer's padded inputs or outputs.
struct TailRows {
    Bf16* inputs[kMostTailLayers];
    Bf16* gradients[kMostTailLayers];
};

// ---- what becomes of the gradient of a layer's input
// Of a hidden layer's output: back through dropout and ReLU, to bf16 rows. Of the tail's input: to dh.
struct GradientSink {
    const Bf16* outputs;  // of the hidden layer; null: there is none
    Bf16* gradients;
    std::int64_t sample;  // values from sample to sample
    int pitch;
    float survivors;
    Tensor dh;
    std::int64_t first_sample, first;  // of the piece
    bool accumulate;
    float scale;

    // Of two neighbouring channels.
    __device__ void store(std::int64_t in_piece, std::int64_t row, int channel, float low, float high) const {
        if (outputs) {
            const std::int64_t at = in_piece * sample + row * pitch + channel;
            // A positive output passed the ReLU and survived dropout.
            low = to_float(outputs[at]) > 0 ? low * survivors : 0.0f;
            high = to_float(outputs[at + 1]) > 0 ? high * survivors : 0.0f;
            return store_pair(gradients + at, bf16_pair(low, high));
        }
        if (channel < dh.channels) add(dh.at(first_sample + in_piece, channel, first + row), low);
        if (channel + 1 < dh.channels) add(dh.at(first_sample + in_piece, channel + 1, first + row), high);
    }

  private:
    __device__ void add(float& to, float value) const {
        to = accumulate ? to + scale * value : scale * value;
    }
};

// A warp's sums of 16 * kMatrices rows from `first` and all their channels; rows from `end` are dropped.
template <int kSteps, int kMatrices>
__device__ void store_gradient(const float (&sum)[kMatrices][2 * kSteps][4], const GradientSink& to,
                               std::int64_t sample, std::int64_t first, std::int64_t end) {
    const int lane = lane_id();
#pragma unroll
    for (int i = 0; i < kMatrices; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const std::int64_t row = first + i * kStep + half * 8 + lane / 4;
            if (row >= end) continue;
#pragma unroll
            for (int n = 0; n < 2 * kSteps; ++n)
                to.store(sample, row, n * 8 + lane % 4 * 2, sum[i][n][2 * half], sum[i][n][2 * half + 1]);
        }
}

// sum += part * rows: a warp's 32 rows of 16 columns, and 16 rows in shared memory.
template <int kSteps>
__device__ void add_product(float (&sum)[2][2 * kSteps][4], const std::uint32_t (&part)[2][4],
                            const Bf16* rows, int pitch) {
#pragma unroll
    for (int c = 0; c < kSteps; ++c) {
        std::uint32_t b[4];
        load_tile_transposed(b, rows, pitch, c * kStep);
#pragma unroll
        for (int i = 0; i < 2; ++i) multiply_add_tile(sum[i] + 2 * c, part[i], b);
    }
}

// ---- the kernels' starts: in tensor_core_hidden.cu, and of the last layer in last_layer.hpp
// Runs the piece of h through the hidden layers, whose outputs go to rows.inputs.
void tail_hidden_forward(const PackedTail& tail, const Tensor& h, const TrainPiece& piece,
                         const TailRows& rows, const TailDropout& dropout);

struct LastLayer {
    const PackedTail& tail;
    const TrainPiece& piece;
    RowMatrix input;
    Targets targets;
    LossKind kind;

    // Tiles of 64 positions of all samples.
    std::int64_t position_tiles() const { return piece.samples * blocks_for(piece.length, kTileRows); }
};

// body(width in steps, loss) with both as constants.
template <typename Body>
void for_shape(const LastLayer& layer, const Body& body) {
    for_width(layer.tail.last(), [&](auto steps) {
        if (layer.kind == LossKind::poisson)
            body(steps, std::integral_constant<LossKind, LossKind::poisson>{});
        else
            body(steps, std::integral_constant<LossKind, LossKind::sigmoid_cross_entropy>{});
    });
}

// Where gradients of a layer's parameters are added, `scale` times. d_bias may be null.
struct ParameterSums {
    float* d_weight;
    float* d_bias;
    int phases;  // of an up-convolution; 0: a dense layer
    float scale;
};

// Of a hidden layer, whose `gradient` has rows as long as its packed weights are many: a row a position, of
// an up-convolution a coarse one. `length` rows of each of the piece's samples.
void tail_input_gradient(const PackedTail& tail, int number, const TrainPiece& piece, std::int64_t length,
                         const RowMatrix& gradient, const GradientSink& sink);
void tail_weight_gradient(const PackedLayer& layer, const TrainPiece& piece, std::int64_t length,
                          const RowMatrix& gradient, const RowMatrix& input, const ParameterSums& to,
                          Scratch& scratch);

// ---- sums over positions
// Tiles of 64 positions are split among ranges by their number alone; each range leaves its sums in device
// memory.
struct Ranges {
    std::int64_t per_range, count;
};
Ranges ranges_of(std::int64_t tiles, std::int64_t blocks_a_range);
// Adds [range][rows][layer.width] and [range][rows] in the order of the ranges.
void add_ranges(const PackedLayer& layer, std::int64_t ranges, std::int64_t rows, const float* weights,
                const float* bias, const ParameterSums& to);

}  // namespace regkit::cuda
