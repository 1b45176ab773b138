// A block takes a tile of 128 output positions of one sample through all layers; weights stream past it. The
// last layer is computed as markers x positions, 64 markers at a time, with the positions of a warp as the
// products' right operand, in registers for all of them: a thread then holds eight markers of eight
// positions, and 32 positions of a marker, a word of bits, lie in four neighbouring lanes.
#include <cstddef>

#include "kernels/cuda/fast/tail_infer.hpp"
#include "kernels/cuda/fast/tail_tile.hpp"

namespace regkit::cuda {

namespace {

static_assert(kPositions == kOutputTile);

constexpr unsigned kAllLanes = 0xFFFFFFFFu;

// Where a warp's logits go: `row` is the sample's first marker of the tile of weights, `position` the warp's
// first in the piece's row.
struct Target {
    std::int64_t row, position, row_length;
    int markers;          // from the tile's first to the last of all
    std::uint32_t valid;  // of the warp's positions, those inside the row

    __device__ std::int64_t at(int marker) const { return (row + marker) * row_length + position; }
};

// A warp's 16 markers of 32 positions, so that a lane can take a position of each.
constexpr int kStagedPitch = kWarpPositions + 8;  // keeps the writes of a half warp in different banks
constexpr std::size_t kStagedBytes = kTileThreads / kWarp * kStep * kStagedPitch * sizeof(float);

__device__ void stage(const Logits& logits, int t, float* staged) {
    const int lane = lane_id();
    __syncwarp();  // all have read what it held
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int n = 0; n < kWarpPositions / 8; ++n) {
            float* const to = staged + (half * 8 + lane / 4) * kStagedPitch + n * 8 + lane % 4 * 2;
            to[0] = logits.value[t][n][2 * half];
            to[1] = logits.value[t][n][2 * half + 1];
        }
    __syncwarp();
}

__device__ void store_each(const Logits& logits, const Sinks& to, const Target& target, float* staged) {
#pragma unroll
    for (int t = 0; t < kTileRows / kStep; ++t) {
        stage(logits, t, staged);
        const int rows = target.markers - t * kStep < kStep ? target.markers - t * kStep : kStep;
#pragma unroll 1
        for (int r = 0; r < rows; ++r) {
            const std::int64_t place = target.at(t * kStep + r) + lane_id();
            const float logit = staged[r * kStagedPitch + lane_id()];
            if (to.codes)
                to.codes[place] = code_of(logit);
            else
                to.values[place] = value_of(to.kind, logit);
        }
    }
}

// The bits of a row of markers at a lane's eight positions whose logits are not below the band, in their
// places of the word of 32.
__device__ std::uint32_t lane_candidates(const Logits& logits, int t, int half, float low) {
    std::uint32_t bits = 0;
#pragma unroll
    for (int n = 0; n < kWarpPositions / 8; ++n)
#pragma unroll
        for (int e = 0; e < 2; ++e)
            if (!(logits.value[t][n][2 * half + e] < low)) bits |= 1u << (n * 8 + e);
    return bits << lane_id() % 4 * 2;
}

// Of 16 markers of which at least one may be called: their values decide.
__device__ void store_called(const Logits& logits, int t, const std::uint32_t (&candidates)[2],
                             const Sinks& to, const Target& target, float* staged) {
    stage(logits, t, staged);
    const int lane = lane_id();
#pragma unroll 1
    for (int r = 0; r < kStep; ++r) {
        const std::uint32_t word = __shfl_sync(kAllLanes, r < 8 ? candidates[0] : candidates[1], r % 8 * 4);
        bool called = false;
        float value = 0;
        if (word >> lane & 1u) {
            value = value_of(to.kind, staged[r * kStagedPitch + lane]);
            called = !(value < to.cutoff);
        }
        const std::uint32_t bits = __ballot_sync(kAllLanes, called);
        const int marker = t * kStep + r;
        if (marker >= target.markers) continue;
        if (lane == 0) to.bits[target.at(marker) / 32] = bits;
        if (called && to.values) to.values[target.at(marker) + lane] = value;
    }
}

// Most rows of most markers are below the band as a whole, and nothing but a comparison is done for them.
__device__ void store_bits(const Logits& logits, const Sinks& to, const Target& target, float* staged) {
    const int lane = lane_id();
#pragma unroll
    for (int t = 0; t < kTileRows / kStep; ++t) {
        std::uint32_t word[2];  // of rows lane / 4 and lane / 4 + 8
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            word[half] = lane_candidates(logits, t, half, to.band.low) & target.valid;
            word[half] |= __shfl_xor_sync(kAllLanes, word[half], 1);
            word[half] |= __shfl_xor_sync(kAllLanes, word[half], 2);
        }
        if (__ballot_sync(kAllLanes, (word[0] | word[1]) != 0) != 0) {
            store_called(logits, t, word, to, target, staged);
        } else if (lane < kStep) {
            const int marker = t * kStep + lane;
            if (marker < target.markers) to.bits[target.at(marker) / 32] = 0;
        }
    }
}

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
    Target target{sample * tail.markers, position, std::int64_t{tiles} * kPositions, tail.markers,
                  first_bits(piece.length - position)};
    float* const staged = reinterpret_cast<float*>(dynamic_shared() + TileMemory::bytes(tail)) +
                          warp_id() * kStep * kStagedPitch;
    OwnRows<kSteps> own;
    for (int tile = 0; tile < last.tiles; ++tile) {
        const Bf16* const weights = stream.next();
        if (tile == 0) own.load(at.activations + own_first * tail.pitch(), tail.pitch());
        Logits logits;
        logits.compute(own, weights, tail.pitch(), tail.bias + last.bias + tile * kTileRows);
        if (to.bits)
            store_bits(logits, to, target, staged);
        else
            store_each(logits, to, target, staged);
        target.row += kTileRows;
        target.markers -= kTileRows;
    }
}

void run_piece(const PackedTail& tail, const TailRange& range, const OutputPiece& piece, const Sinks& to) {
    const auto row_tiles = static_cast<unsigned>(piece.tiles());
    for_width(tail.last(), [&](auto steps) {
        launch_with_shared(tail_infer_kernel<steps()>, dim3(static_cast<unsigned>(piece.samples) * row_tiles),
                           dim3(kTileThreads), TileMemory::bytes(tail) + kStagedBytes, tail, range.h, piece,
                           range.begin, row_tiles, to);
    });
}

PieceRunner runner(const Tail& tail, const TailRange& range, Scratch& scratch, std::int64_t most_bytes) {
    const PackedTail packed = pack_tail(tail, scratch);
    return {most_bytes, kPositions, [packed, &range](const OutputPiece& piece, const Sinks& to) {
                run_piece(packed, range, piece, to);
            }};
}

}  // namespace

void fast_tail_values(const Tail& tail, const TailRange& range, TailOutput kind, float* out, Scratch& scratch,
                      std::int64_t most_bytes) {
    hand_out_values(tail, range, kind, out, scratch, runner(tail, range, scratch, most_bytes));
}

void fast_tail_codes(const Tail& tail, const TailRange& range, std::uint8_t* out, Scratch& scratch,
                     std::int64_t most_bytes) {
    hand_out_codes(tail, range, out, scratch, runner(tail, range, scratch, most_bytes));
}

void fast_tail_bits(const Tail& tail, const TailRange& range, TailOutput kind, float cutoff,
                    std::uint8_t* out, Scratch& scratch, std::int64_t most_bytes) {
    hand_out_bits(tail, range, kind, cutoff, out, scratch, runner(tail, range, scratch, most_bytes));
}

void fast_tail_runs(const Tail& tail, const TailRange& range, TailOutput kind, float cutoff, CalledRuns& out,
                    Scratch& scratch, std::int64_t most_bytes) {
    hand_out_runs(tail, range, kind, cutoff, out, scratch, runner(tail, range, scratch, most_bytes));
}

}  // namespace regkit::cuda
