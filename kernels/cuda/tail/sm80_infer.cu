// A block takes a tile of 128 output positions of one sample through all layers; weights stream past it. The
// last layer is computed as markers x positions, 64 markers at a time, with the positions of a warp as the
// products' right operand, in registers for all of them: a thread then holds eight markers of eight
// positions, and 32 positions of a marker, a word of bits, lie in four neighbouring lanes. Compute capability
// 9.0 has a kernel of its own (sm90_infer.cu).
#include <cstddef>

#include "kernels/cuda/tail/infer.hpp"
#include "kernels/cuda/tail/sinks.hpp"

namespace regkit::cuda {

namespace {

static_assert(kPositions == kOutputTile);

// A block a tile. kSteps: of the last layer's inputs.
template <int kSteps>
__global__ void __launch_bounds__(kTileThreads, 2)
    tail_infer_kernel(PackedTail tail, Tensor h, OutputPiece piece, std::int64_t begin, unsigned tiles,
                      Sinks to) {
    const TileMemory at(tail, dynamic_shared());
    const std::int64_t sample = blockIdx.x / tiles;
    const std::int64_t first = std::int64_t{blockIdx.x % tiles} * kPositions;  // in the piece's row
    WeightStream stream(tail, at.ring, tail.tiles);
    hidden_layers(tail, h, piece.first_sample + sample, begin * tail.stride + piece.first + first, stream, at,
                  Inference{});
    const PackedLayer& last = tail.last();
    const int own_first = warp_id() * kWarpPositions;
    const std::int64_t position = first + own_first;
    Target target{sample * tail.markers,
                  position,
                  std::int64_t{tiles} * kPositions,
                  0,
                  tail.markers,
                  first_bits(piece.length - position)};
    float* const staged =
        reinterpret_cast<float*>(dynamic_shared() + TileMemory::bytes(tail)) + warp_id() * kStagedValues;
    OwnRows<kSteps> own;
    for (int tile = 0; tile < last.tiles; ++tile) {
        const PitchedRows weights = stream.next();
        if (tile == 0) own.load(at.activations, own_first);
        Logits logits;
        logits.compute(own, weights, tail.bias + last.bias + tile * kTileRows);
        if (to.bits) {
#pragma unroll
            for (int t = 0; t < kTileRows / kUnitMarkers; ++t)
                store_bits(logits.value[t], to, target.behind(t * kUnitMarkers), staged);
        } else {
#pragma unroll
            for (int t = 0; t < kTileRows / kUnitMarkers; ++t)
                store_each(logits.value[t], to, target.behind(t * kUnitMarkers), staged);
        }
        target = target.behind(kTileRows);
    }
}

void run_piece(const PackedTail& tail, const TailRange& range, const OutputPiece& piece, const Sinks& to) {
    const auto row_tiles = static_cast<unsigned>(piece.tiles());
    for_width(tail.last(), [&](auto steps) {
        launch_with_shared(tail_infer_kernel<steps()>, dim3(static_cast<unsigned>(piece.samples) * row_tiles),
                           dim3(kTileThreads),
                           TileMemory::bytes(tail) + TileMemory::kWarps * kStagedValues * sizeof(float), tail,
                           range.h, piece, range.begin, row_tiles, to);
    });
}

}  // namespace

PieceRunner sm80_runner(const Tail& tail, const TailRange& range, Scratch& scratch, std::int64_t most_bytes) {
    const PackedTail packed = pack_tail(tail, scratch);
    return {most_bytes, kPositions, [packed, &range](const OutputPiece& piece, const Sinks& to) {
                run_piece(packed, range, piece, to);
            }};
}

}  // namespace regkit::cuda
