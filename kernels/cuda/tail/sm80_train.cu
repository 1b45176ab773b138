// The last layer at training, twice with the same arithmetic: z = own * streamed^T, of which the gradient of
// the loss is made in registers, and sums += gradient * streamed. `own` are 32 rows of a warp, `streamed`
// pass through shared memory 64 at a time, taken 32 by 32 so that the sums (128 registers), z (32) and what
// is loaded fit a thread.
//
//   kernel        own rows    streamed    z                     sums
//   loss          positions   markers     positions x markers   gradient of the layer's input
//   last_weights  markers     positions   markers x positions   gradient of the layer's weights
//
// A thread's sums of the first product lie as the second one wants its left operand, so z goes nowhere.
// Targets come as bits, a word for a marker and 32 positions. Compute capability 9.0 has kernels of its own
// (sm90_train.cu).
#include "kernels/cuda/sums.hpp"
#include "kernels/cuda/tail/last_layer.hpp"
#include "kernels/cuda/tail/train_loss.hpp"

namespace regkit::cuda {

namespace {

template <int kSteps, typename Loss>
__device__ void chained_products(const Bf16* own, const Bf16* streamed, Loss& loss,
                                 float (&sum)[2][2 * kSteps][4]) {
    constexpr int kPitch = kSteps * kStep + kCopied;
    loss.begin();
    float z[2][kTaken / 8][4];
#pragma unroll
    for (int i = 0; i < 2; ++i)
#pragma unroll
        for (int n = 0; n < kTaken / 8; ++n)
#pragma unroll
            for (int part = 0; part < 4; ++part) z[i][n][part] = loss.start(i, n, part);
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
        std::uint32_t a[2][4];
#pragma unroll
        for (int i = 0; i < 2; ++i) load_tile(a[i], own + i * kStep * kPitch, kPitch, k * kStep);
#pragma unroll
        for (int t = 0; t < kTaken / kStep; ++t) {
            std::uint32_t b[4];
            load_tile(b, streamed + t * kStep * kPitch, kPitch, k * kStep);
#pragma unroll
            for (int i = 0; i < 2; ++i) multiply_add_tile(z[i] + 2 * t, a[i], b);
        }
    }
#pragma unroll
    for (int t = 0; t < kTaken / kStep; ++t) {
        std::uint32_t gradient[2][4];
#pragma unroll
        for (int i = 0; i < 2; ++i) gradient_part(gradient[i], loss, i, t, z[i]);
        add_product<kSteps>(sum, gradient, streamed + t * kStep * kPitch, kPitch);
    }
}

// Where a block of either kernel keeps what: its 128 own rows, the ring of streamed ones, kSlots targets with
// each tile of them, and each warp's staged targets.
constexpr int kOwnRows = kTileThreads;  // 32 of each warp
template <int kSteps, LossKind kKind, int kSlots>
struct BlockMemory {
    static constexpr int kWidth = kSteps * kStep, kPitch = kWidth + kCopied;
    static constexpr std::size_t kBytes =
        std::size_t{kOwnRows + kStages * kTileRows} * kPitch * sizeof(Bf16) +
        std::size_t{kStages} * kSlots * sizeof(LabelSlot) +
        std::size_t{kTileThreads / kWarp} * kTargetValues<kKind, kWarp> * sizeof(float);
    Bf16 *own, *ring;
    LabelSlot* slot_ring;
    float* staged;

    __device__ explicit BlockMemory(unsigned char* memory)
        : own(reinterpret_cast<Bf16*>(memory)),
          ring(own + kOwnRows * kPitch),
          slot_ring(reinterpret_cast<LabelSlot*>(ring + kStages * kTileRows * kPitch)),
          staged(reinterpret_cast<float*>(slot_ring + kStages * kSlots)) {}
    // Of the warp.
    __device__ const Bf16* own_rows() const { return own + warp_id() * kWarp * kPitch; }
    __device__ float* staged_targets() const { return staged + warp_id() * kTargetValues<kKind, kWarp>; }
    __device__ Bf16* tile(int stage) const { return ring + stage * kTileRows * kPitch; }
    __device__ LabelSlot* slots(int stage) const { return slot_ring + stage * kSlots; }
    // By as many threads as a tile has targets.
    __device__ void copy_slot(const LabelSlot* from, int stage) const {
        const int i = static_cast<int>(threadIdx.x);
        if (i < kSlots)
            copy_async(reinterpret_cast<Bf16*>(slots(stage) + i), reinterpret_cast<const Bf16*>(from + i),
                       true);
    }
};

// ---- loss and gradient of the input
// Tiles of the last layer's weights and the targets of their markers in a tile of positions.
template <typename Memory>
struct MarkerTiles {
    const Memory& at;
    RowMatrix weights;
    int rows;
    const LabelSlot* slots;  // of the tile of positions

    __device__ void start(std::int64_t number, int stage) const {
        copy_rows(weights, 0, number * kTileRows, rows, 0, kTileRows, Memory::kWidth, at.tile(stage),
                  Memory::kPitch);
        at.copy_slot(slots + number * kTileRows, stage);
    }
};

template <int kSteps, LossKind kKind>
using LossMemory = BlockMemory<kSteps, kKind, kTileRows>;

// A block a tile of positions. kSteps: of the last layer's inputs.
template <int kSteps, LossKind kKind>
__global__ void __launch_bounds__(kTileThreads)
    tail_loss_kernel(PackedTail tail, TrainPiece piece, RowMatrix input, Targets targets, GradientSink sink,
                     double* losses) {
    using Memory = LossMemory<kSteps, kKind>;
    const PackedLayer& last = tail.last();
    const Memory at(dynamic_shared());
    const std::int64_t sample = blockIdx.x / piece.tiles();
    const std::int64_t first = blockIdx.x % piece.tiles() * kPositions;  // in the piece's row
    const int own_first = warp_id() * kWarpPositions;
    copy_rows(input, sample, first, piece.length, 0, kPositions, Memory::kWidth, at.own, Memory::kPitch);
    commit_copies();  // waited for with the first tile
    const MarkerTiles<Memory> source{at, weights_of(tail, last), last.tiles * kTileRows,
                                     targets.slots + std::int64_t{blockIdx.x} * targets.pitch};
    Ring<MarkerTiles<Memory>> ring(source, 0, last.tiles);
    PositionsByMarkers<kKind, kWarp> z{targets,
                                       at.staged_targets(),
                                       nullptr,
                                       tail.bias + last.bias,
                                       tail.markers,
                                       first_bits(piece.length - first - own_first),
                                       own_first,
                                       piece.begin * tail.stride + first + own_first,
                                       0};
    float sum[2][2 * kSteps][4] = {};
    double loss = 0;
    for (int tile = 0; tile < last.tiles; ++tile) {
        const int stage = ring.next();
        if (z.valid == 0) continue;  // the warp has nothing to do
        z.slots = at.slots(stage);
#pragma unroll 1
        for (int part = 0; part < kTileRows / kTaken; ++part) {
            chained_products<kSteps>(at.own_rows(), at.tile(stage) + part * kTaken * Memory::kPitch, z, sum);
            z.next();
        }
        loss += z.loss;
        z.loss = 0;
    }
    store_gradient<kSteps>(sum, sink, sample, first + own_first, piece.length);
    const double total = block_reduce(loss, Sum{});
    if (threadIdx.x == 0) losses[blockIdx.x] = total;
}

// ---- gradient of the weights
// Tiles of 64 positions of the layer's input and the targets of the block's markers there.
template <typename Memory>
struct PositionTiles {
    const Memory& at;
    RowMatrix input;
    TrainPiece piece;
    Targets targets;
    int first_marker;

    __device__ std::int64_t of_row() const { return (piece.length + kTileRows - 1) / kTileRows; }
    __device__ void start(std::int64_t number, int stage) const {
        const std::int64_t sample = number / of_row(), first = number % of_row() * kTileRows;
        copy_rows(input, sample, first, piece.length, 0, kTileRows, Memory::kWidth, at.tile(stage),
                  Memory::kPitch);
        at.copy_slot(
            targets.slots + (sample * piece.tiles() + first / kPositions) * targets.pitch + first_marker,
            stage);
    }
};

static_assert(kMarkers == kOwnRows && kPositions == kOwnRows);

template <int kSteps, LossKind kKind>
using WeightMemory = BlockMemory<kSteps, kKind, kMarkers>;

// A block has 128 markers and a range of tiles of positions.
template <int kSteps, LossKind kKind>
__global__ void __launch_bounds__(kTileThreads)
    last_weights_kernel(PackedTail tail, TrainPiece piece, RowMatrix input, Targets targets,
                        std::int64_t tiles, std::int64_t per_range, float* weights, float* bias) {
    using Memory = WeightMemory<kSteps, kKind>;
    const PackedLayer& last = tail.last();
    const Memory at(dynamic_shared());
    const int first_marker = static_cast<int>(blockIdx.x) * kMarkers, own_first = warp_id() * kWarp;
    copy_rows(weights_of(tail, last), 0, first_marker, last.tiles * kTileRows, 0, kMarkers, Memory::kWidth,
              at.own, Memory::kPitch);
    commit_copies();  // waited for with the first tile
    const PositionTiles<Memory> source{at, input, piece, targets, first_marker};
    const std::int64_t begin = blockIdx.y * per_range;
    const std::int64_t end = begin + per_range < tiles ? begin + per_range : tiles;
    Ring<PositionTiles<Memory>> ring(source, begin, end);

    const int markers = tail.markers - first_marker - own_first;  // from the warp's first
    MarkersByPositions<kKind, kWarp> z{targets, at.staged_targets(), nullptr, 0, 0, 0, {}, {}};
    z.load_bias(tail.bias + last.bias + first_marker + own_first, markers);
    float sum[2][2 * kSteps][4] = {};
    for (std::int64_t tile = begin; tile < end; ++tile) {
        const int stage = ring.next();
        if (markers <= 0) continue;  // the warp has nothing to do
        const std::int64_t first = tile % source.of_row() * kTileRows;
        z.slots = at.slots(stage) + own_first;
#pragma unroll 1
        for (int part = 0; part < kTileRows / kTaken; ++part) {
            z.move_to(first + part * kTaken, piece, tail.stride);
            chained_products<kSteps>(at.own_rows(), at.tile(stage) + part * kTaken * Memory::kPitch, z, sum);
        }
    }
    if (markers <= 0) return;
    z.template store<kSteps>(sum, blockIdx.y * std::int64_t{targets.pitch} + first_marker + own_first,
                             weights, bias);
}

template <int kSteps, LossKind kKind>
void start_loss(const LastLayer& layer, const GradientSink& sink, double* losses) {
    launch_with_shared(tail_loss_kernel<kSteps, kKind>,
                       dim3(static_cast<unsigned>(layer.piece.samples * layer.piece.tiles())),
                       dim3(kTileThreads), LossMemory<kSteps, kKind>::kBytes, layer.tail, layer.piece,
                       layer.input, layer.targets, sink, losses);
}

template <int kSteps, LossKind kKind>
void start_weights(const LastLayer& layer, const Ranges& ranges, float* weights, float* bias) {
    launch_with_shared(last_weights_kernel<kSteps, kKind>,
                       dim3(blocks_for(layer.tail.markers, kMarkers), static_cast<unsigned>(ranges.count)),
                       dim3(kTileThreads), WeightMemory<kSteps, kKind>::kBytes, layer.tail, layer.piece,
                       layer.input, layer.targets, layer.position_tiles(), ranges.per_range, weights, bias);
}

}  // namespace

void sm80_loss(const LastLayer& layer, const GradientSink& sink, double* losses) {
    for_shape(layer, [&](auto steps, auto kind) { start_loss<steps(), kind()>(layer, sink, losses); });
}

void sm80_last_weights(const LastLayer& layer, const Ranges& ranges, float* weights, float* bias) {
    for_shape(layer,
              [&](auto steps, auto kind) { start_weights<steps(), kind()>(layer, ranges, weights, bias); });
}

}  // namespace regkit::cuda
