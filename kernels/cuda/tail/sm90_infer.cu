// As sm80_infer.cu, for compute capability 9.0: a block takes 256 output positions of one sample through all
// layers, by twelve warps. One thread of four of them, the fillers, has the tiles of all layers' weights
// copied (TMA) to a ring of four places, as far ahead as these are free; the other eight take them from
// there:
//  - through the hidden layers with 32 positions each and mma.sync, as on other devices. What they leave in
//    shared memory lies as wgmma wants it;
//  - in the last layer, two thirds of all work, as two groups of four. A group takes every second tile of 64
//    markers for all 256 positions, so that one group's products run beside the other's sinks. A thread has
//    128 sums of it, 16 markers of a warp by 256 positions: eight units of sinks.hpp, one after the
//    other.
//
// A tile of the last layer is 4.2 MFLOP, 0.57 us of one of 132 processors at 989 TFLOP/s, for 16 KB of
// weights from L2: 0.94 KB a nucleotide, half of what tiles of 128 positions would take.
//
// Each place of the ring has two barriers: `full` ends a phase with the bytes of a tile, `empty` with an
// arrival of each of four warps that have read it. In the hidden layers, where eight warps read, the first
// four speak for all, behind a barrier of the eight. The number of places is even, so that a place of the
// last layer is always the same group's: a group that skipped a phase could mistake it for the next.
#include "kernels/cuda/hopper_block.hpp"
#include "kernels/cuda/rows.hpp"
#include "kernels/cuda/tail/infer.hpp"
#include "kernels/cuda/tail/sinks.hpp"

namespace regkit::cuda {

// Not without a name: for other devices nothing of it is used, and nvcc would warn of that.
namespace hopper_tail {

static_assert(kPlaces % kGroups == 0);
static_assert(kTileColumns == kRowTile && kGroupWarps * kUnitMarkers == kTileRows);

// Where a tile keeps what, from a multiple of kSwizzleBytes.
struct HopperTile {
    static constexpr int kRows = 256, kThreads = kReaders;
    static constexpr int kWarps = kThreads / kWarp;
    SwizzledRows activations;
    SwizzledRows ring;  // of all places
    float* staged;
    PitchedRows coarse;
    PhaseBarrier *full, *empty;

    __device__ HopperTile(const PackedTail& tail, unsigned char* memory)
        : activations{reinterpret_cast<Bf16*>(memory), kRows},
          ring{activations.part(tail.widest() / kRowTile), kTileRows},
          staged(reinterpret_cast<float*>(ring.part(kPlaces * tail.widest() / kRowTile))),
          coarse{reinterpret_cast<Bf16*>(staged + kWarps * kStagedValues), tail.pitch()},
          full(reinterpret_cast<PhaseBarrier*>(coarse.at(coarse_rows_of(tail), 0))),
          empty(full + kPlaces),
          parts_(tail.widest() / kRowTile) {}
    __device__ SwizzledRows place(int number) const { return {ring.part(number * parts_), kTileRows}; }

    __host__ __device__ static int coarse_rows_of(const PackedTail& tail) {
        return tail.has_up ? coarse_rows(tail.stride, kRows) : 0;
    }
    // With an up-convolution whose input has so many rows.
    static constexpr std::size_t bytes(int widest, int coarse) {
        const int values = (kRows + kPlaces * kTileRows) * widest + coarse * (widest + kCopied);
        return kSwizzleBytes + static_cast<std::size_t>(values) * sizeof(Bf16) +
               kWarps * kStagedValues * sizeof(float) + 2 * kPlaces * sizeof(PhaseBarrier);
    }

  private:
    int parts_;
};

static_assert(HopperTile::bytes(kMostWidth, coarse_rows(1, HopperTile::kRows)) <= kMostHopperShared);

// Of each layer's weights.
struct WeightMaps {
    CUtensorMap layer[kMostTailLayers];
};

// Of the phase in which a place has its tile of this round.
__device__ unsigned parity_of(int round) {
    return static_cast<unsigned>(round) % 2;
}

// What the fillers do, by one thread, in few registers.
__device__ void fill(const PackedTail& tail, const WeightMaps& maps, const HopperTile& at) {
    constexpr int kRowsBytes = kTileRows * static_cast<int>(sizeof(Bf16));
    Turn next = first_to_fill();
    for (int k = 0; k < tail.depth; ++k)
        for (int tile = 0; tile < tail.layer[k].tiles; ++tile) {
            const int place = next.place;
            wait_phase(at.empty[place], next.parity);
            arrive_and_expect(at.full[place], static_cast<unsigned>(kRowsBytes * tail.layer[k].width));
#pragma unroll 1
            for (int part = 0; part < tail.layer[k].width / kRowTile; ++part)
                copy_tile(at.place(place).part(part), maps.layer[k], tile * kTileRows, part * kRowTile,
                          at.full[place]);
            next.next(kPlaces);
        }
}

// Until tile `number` is there.
__device__ SwizzledRows wait_for_tile(const HopperTile& at, int number) {
    wait_phase(at.full[number % kPlaces], parity_of(number / kPlaces));
    return at.place(number % kPlaces);
}

// The hidden layers' tiles, one after the other, for all readers.
template <typename Tile>
class FilledRing {
  public:
    __device__ explicit FilledRing(const Tile& at) : at_(at) {}
    // All readers come here together, and what they wrote to shared memory before is seen by all behind it.
    __device__ SwizzledRows next() {
        meet<kReadersMeet, kReaders>();
        release_last();
        return wait_for_tile(at_, number_++);
    }
    // Behind the last one: what they wrote is seen by wgmma as well.
    __device__ void finish() {
        fence_async_proxy();
        meet<kReadersMeet, kReaders>();
        release_last();
    }

  private:
    // The tile that all have read.
    __device__ void release_last() {
        if (number_ > 0 && warp_id() < kGroupWarps) release(at_.empty[(number_ - 1) % kPlaces]);
    }

    const Tile& at_;
    int number_ = 0;
};

// The calling group's tiles of the last layer: their logits, and what becomes of them. `begin` is the place
// of the sample's first marker and the block's first position, of which `length` positions are valid.
template <int kSteps>
__device__ void last_layer(const PackedTail& tail, const HopperTile& at, const Target& begin,
                           std::int64_t length, const Sinks& to) {
    constexpr int kPartSteps = kRowTile / kStep;
    const PackedLayer& last = tail.last();
    const int group = warp_id() / kGroupWarps, own = warp_id() % kGroupWarps * kUnitMarkers;
    float* const staged = at.staged + warp_id() * kStagedValues;
    for (int tile = group; tile < last.tiles; tile += kGroups) {
        const float* const bias = tail.bias + last.bias + tile * kTileRows + own + lane_id() / 4;
        const float start[2] = {bias[0], bias[8]};
        WideSums sums;
#pragma unroll
        for (int n = 0; n < HopperTile::kRows / 8; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) sums[n][i] = start[i / 2];
        const int number = last.first_tile + tile;
        const SwizzledRows weights = wait_for_tile(at, number);
        begin_products(sums);
#pragma unroll
        for (int k = 0; k < kSteps; ++k)
            multiply_add_async(sums, operand(weights.part(k / kPartSteps), k % kPartSteps),
                               operand(at.activations.part(k / kPartSteps), k % kPartSteps));
        commit_products();
        wait_products(sums);
        release(at.empty[number % kPlaces]);
        Target target = begin.behind(tile * kTileRows + own);
#pragma unroll
        for (int unit = 0; unit < HopperTile::kRows / kWarpPositions; ++unit) {
            target.valid = first_bits(length - unit * kWarpPositions);
            if (target.position < target.row_length)
                store_unit(sums + unit * kWarpPositions / 8, to, target, staged);
            target.position += kWarpPositions;
        }
    }
}

// A block a tile. kSteps: of the last layer's inputs.
template <int kSteps>
__global__ void __launch_bounds__(kBlockThreads, 1)
    tail_infer_hopper_kernel(const __grid_constant__ WeightMaps maps, PackedTail tail, Tensor h,
                             OutputPiece piece, std::int64_t begin, unsigned tiles, Sinks to) {
    if constexpr (kHasHopper) {
        const HopperTile at(tail, swizzle_shared());
        if (threadIdx.x == 0) {
            for (int place = 0; place < kPlaces; ++place) {
                set_barrier(at.full[place], 1);
                set_barrier(at.empty[place], kGroupWarps);
            }
            publish_barriers();
        }
        __syncthreads();
        if (threadIdx.x >= kReaders) {
            give_registers<kFillerRegisters>();
            if (threadIdx.x == kReaders) fill(tail, maps, at);
            return;
        }
        take_registers<kReaderRegisters>();
        const std::int64_t sample = blockIdx.x / tiles;
        const std::int64_t first =
            std::int64_t{blockIdx.x % tiles} * HopperTile::kRows;  // in the piece's row
        FilledRing ring(at);
        hidden_layers(tail, h, piece.first_sample + sample, begin * tail.stride + piece.first + first, ring,
                      at, Inference{});
        ring.finish();
        last_layer<kSteps>(tail, at, {sample * tail.markers, first, piece.row(), 0, tail.markers, 0},
                           piece.length - first, to);
    } else {
        trap();
    }
}

void run_piece(const PackedTail& tail, const TailRange& range, const OutputPiece& piece, const Sinks& to) {
    WeightMaps maps{};
    for (int k = 0; k < tail.depth; ++k) {
        const PackedLayer& layer = tail.layer[k];
        maps.layer[k] = tiled(tail.weights + layer.weights, std::int64_t{layer.tiles} * kTileRows,
                              layer.width, layer.width, kTileRows);
    }
    const unsigned tiles = blocks_for(piece.row(), HopperTile::kRows);
    for_width(tail.last(), [&](auto steps) {
        launch_with_shared(tail_infer_hopper_kernel<steps()>,
                           dim3(static_cast<unsigned>(piece.samples) * tiles), dim3(kBlockThreads),
                           HopperTile::bytes(tail.widest(), HopperTile::coarse_rows_of(tail)), maps, tail,
                           range.h, piece, range.begin, tiles, to);
    });
}

}  // namespace hopper_tail

PieceRunner sm90_runner(const Tail& tail, const TailRange& range, Scratch& scratch, std::int64_t most_bytes) {
    const PackedTail packed = pack_tail(tail, scratch);
    return {most_bytes, kPositions, [packed, &range](const OutputPiece& piece, const Sinks& to) {
                hopper_tail::run_piece(packed, range, piece, to);
            }};
}

}  // namespace regkit::cuda
