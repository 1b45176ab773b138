// As sm80_train.cu, for compute capability 9.0, by the block of hopper_block.hpp. A group of readers has
// 64 own rows, a warp 16 of them, for the whole kernel in registers as the left operand of z = own *
// streamed^T. Streamed rows come 64 at a time with the targets that belong to them, and both groups read all
// of them. Products are wgmma: m64n64k16 for z, and for sums += gradient * streamed m64n128k16 (n64 for 64
// inputs) with the gradient, where z was, as left operand, and the same tile of streamed rows transposed as
// right one.
//
// A group waits once a tile: it starts z of the next tile behind the sums of this one. So one group's
// products run beside the other's loss. A thread has 64 sums, 32 of z, 32 registers of own rows and 16 of
// gradients.
//
// Of 128 inputs and 960 padded markers, computed, not measured:
//  - each of the two kernels has 0.49 MFLOP a nucleotide: 0.50 ns at 989 TFLOP/s, or 512 cycles of one of 132
//    processors for a group's tile;
//  - for these the tile is read from shared memory twice, 32 KB, 256 cycles at 128 bytes each. With own rows
//    from there, too, it would be 384;
//  - the loss of the tile's 4,096 logits takes three special functions each (two where only its gradient is
//    wanted), 768 (512) cycles at 16 of them, and some twenty other instructions, 640 cycles at 128: the
//    larger is what the kernels may come near;
//  - from L2 loss reads all weights and their targets for 128 positions, 2.0 KB a nucleotide, and
//    last_weights inputs and targets for each 128 of the markers, 2.3 KB.
#include "kernels/cuda/hopper_block.hpp"
#include "kernels/cuda/rows.hpp"
#include "kernels/cuda/tail/last_layer.hpp"
#include "kernels/cuda/tail/train_loss.hpp"

namespace regkit::cuda {

// Not without a name: for other devices nothing of it is used, and nvcc would warn of that.
namespace hopper_train {

constexpr int kWarpRows = kStep;                     // own rows of a warp ...
constexpr int kGroupRows = kGroupWarps * kWarpRows;  // ... of a group ...
constexpr int kBlockRows = kGroups * kGroupRows;     // ... and of the block
constexpr int kPartSteps = kRowTile / kStep;
static_assert(kGroupRows == kTileRows && kBlockRows == kPositions && kBlockRows == kMarkers);

// Own and streamed rows in device memory: of the layer's inputs and of its weights, in tiles of 64.
struct Maps {
    CUtensorMap input, weights;
};

// Where the block of either kernel keeps what, from a multiple of kSwizzleBytes; with each tile of streamed
// rows come kSlots targets.
template <int kSteps, LossKind kKind, int kSlots>
struct BlockMemory {
    static constexpr int kTileValues = kTileRows * kSteps * kStep, kTileParts = kSteps / kPartSteps;
    static constexpr int kStaged = kTargetValues<kKind, kWarpRows>, kReaderWarps = kReaders / kWarp;
    static constexpr unsigned kTileBytes = kTileValues * sizeof(Bf16),
                              kSlotBytes = kSlots * sizeof(LabelSlot);
    static constexpr std::size_t kBytes =
        kSwizzleBytes + std::size_t{kGroups + kPlaces} * kTileBytes + std::size_t{kPlaces} * kSlotBytes +
        std::size_t{kReaderWarps} * (kStaged * sizeof(float) + sizeof(double)) +
        (1 + 2 * kPlaces) * sizeof(PhaseBarrier);
    static_assert(kBytes <= kMostHopperShared);
    Bf16* tiles;  // of own rows, then of the ring
    LabelSlot* slot_ring;
    float* staged;
    double* sum_of_warp;
    PhaseBarrier *own_come, *full, *empty;

    __device__ explicit BlockMemory(unsigned char* memory)
        : tiles(reinterpret_cast<Bf16*>(memory)),
          slot_ring(reinterpret_cast<LabelSlot*>(tiles + (kGroups + kPlaces) * kTileValues)),
          staged(reinterpret_cast<float*>(slot_ring + kPlaces * kSlots)),
          sum_of_warp(reinterpret_cast<double*>(staged + kReaderWarps * kStaged)),
          own_come(reinterpret_cast<PhaseBarrier*>(sum_of_warp + kReaderWarps)),
          full(own_come + 1),
          empty(full + kPlaces) {}
    __device__ SwizzledRows own(int group) const { return {tiles + group * kTileValues, kTileRows}; }
    __device__ SwizzledRows tile(int place) const { return own(kGroups + place); }
    __device__ LabelSlot* slots(int place) const { return slot_ring + place * kSlots; }
    __device__ float* staged_targets() const { return staged + warp_id() * kStaged; }

    // Of a block whose first `groups` groups have something to do.
    __device__ void set_barriers(int groups) const {
        if (threadIdx.x == 0) {
            set_barrier(*own_come, 1);
            for (int place = 0; place < kPlaces; ++place) {
                set_barrier(full[place], 1);
                set_barrier(empty[place], static_cast<unsigned>(groups * kGroupWarps));
            }
            publish_barriers();
        }
        __syncthreads();
    }
    // Starts the copy of 64 rows from `row` of a sample. By the filler.
    __device__ void copy_rows_to(const SwizzledRows& to, const CUtensorMap& map, int sample, int row,
                                 PhaseBarrier& barrier) const {
#pragma unroll
        for (int part = 0; part < kTileParts; ++part)
            copy_line_tile(to.part(part), map, sample, row, part * kRowTile, barrier);
    }
    __device__ void copy_own(const CUtensorMap& map, int sample, int row) const {
        arrive_and_expect(*own_come, kGroups * kTileBytes);
        for (int group = 0; group < kGroups; ++group)
            copy_rows_to(own(group), map, sample, row + group * kGroupRows, *own_come);
    }
    // Once the place is free, a tile and its targets.
    __device__ void copy_next(const Turn& to, const CUtensorMap& map, int sample, int row,
                              const LabelSlot* from) const {
        wait_phase(empty[to.place], to.parity);
        arrive_and_expect(full[to.place], kTileBytes + kSlotBytes);
        copy_rows_to(tile(to.place), map, sample, row, full[to.place]);
        copy_bytes(slots(to.place), from, kSlotBytes, full[to.place]);
    }
};

// A group's products, by each of its threads. Of a tile, ahead(half) prepares `loss` for start(), to(half)
// for gradient(): `half` of its two halves of 32 streamed rows.
template <int kSteps, typename Memory>
class Chain {
  public:
    __device__ explicit Chain(const Memory& at) : at_(at) {
        wait_phase(*at.own_come, 0);
        const int group = warp_id() / kGroupWarps, row = warp_id() % kGroupWarps * kWarpRows;
#pragma unroll
        for (int k = 0; k < kSteps; ++k) load_tile_of(own_[k], at.own(group), row, k * kStep);
    }
    // z of the first tile.
    template <typename Loss, typename Ahead>
    __device__ void begin(const Loss& loss, const Ahead& ahead) {
        start_z(loss, ahead);
        wait_phase(at_.full[now_.place], now_.parity);
        begin_products(own_, z_);
        multiply_z(at_.tile(now_.place));
        commit_products();
        wait_products(own_, z_);
    }
    // What that tile adds to the sums, and z of the next one.
    template <typename Loss, typename To, typename Ahead>
    __device__ void add(Loss& loss, const To& to, const Ahead& ahead) {
        make_gradient(loss, to);
        Turn next = now_;
        next.next(kPlaces);
        start_z(loss, ahead);
        wait_phase(at_.full[next.place], next.parity);
        begin_products(own_, z_, gradient_, sum[0]);
        add_gradient();
        multiply_z(at_.tile(next.place));
        commit_products();
        wait_products(own_, z_, gradient_, sum[0]);
        release(at_.empty[now_.place]);
        now_ = next;
    }
    // The same where there is no other.
    template <typename Loss, typename To>
    __device__ void add_last(Loss& loss, const To& to) {
        make_gradient(loss, to);
        begin_products(gradient_, sum[0]);
        add_gradient();
        commit_products();
        wait_products(gradient_, sum[0]);
    }

    // Of the tile whose z is there.
    __device__ int place() const {
        return now_.place;
    }

    float sum[1][2 * kSteps][4] = {};

  private:
    static constexpr int kHalfParts = kTaken / 8, kHalfSteps = kTaken / kStep;

    template <typename Loss, typename Ahead>
    __device__ void start_z(const Loss& loss, const Ahead& ahead) {
#pragma unroll
        for (int half = 0; half < kTileRows / kTaken; ++half) {
            ahead(half);
#pragma unroll
            for (int n = 0; n < kHalfParts; ++n)
#pragma unroll
                for (int part = 0; part < 4; ++part) z_[half * kHalfParts + n][part] = loss.start(0, n, part);
        }
    }
    __device__ void multiply_z(const SwizzledRows& tile) {
#pragma unroll
        for (int k = 0; k < kSteps; ++k)
            multiply_add_async(z_, own_[k], operand(tile.part(k / kPartSteps), k % kPartSteps));
    }
    template <typename Loss, typename To>
    __device__ void make_gradient(Loss& loss, const To& to) {
#pragma unroll
        for (int half = 0; half < kTileRows / kTaken; ++half) {
            to(half);
            loss.begin();
#pragma unroll
            for (int t = 0; t < kHalfSteps; ++t)
                gradient_part(gradient_[half * kHalfSteps + t], loss, 0, t, z_ + half * kHalfParts);
        }
    }
    __device__ void add_gradient() {
        const SwizzledRows tile = at_.tile(now_.place);
#pragma unroll
        for (int t = 0; t < kTileRows / kStep; ++t)
            multiply_rows_async(sum[0], gradient_[t], operand_of_rows(tile.data, t, kTileRows));
    }

    const Memory& at_;
    LeftPart own_[kSteps];
    LeftPart gradient_[kTileRows / kStep];
    Sums<kTileRows / 8> z_;
    Turn now_ = first_to_read();
};

// ---- loss and gradient of the input
template <int kSteps, LossKind kKind>
using LossMemory = BlockMemory<kSteps, kKind, kTileRows>;

// In thread 0 the sum of the readers' values; all readers come.
template <typename Memory>
__device__ double sum_of_readers(const Memory& at, double value) {
    for (int mask = kWarp / 2; mask > 0; mask /= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, mask);
    if (lane_id() == 0) at.sum_of_warp[warp_id()] = value;
    meet<kReadersMeet, kReaders>();
    double total = 0;
    for (int warp = 0; threadIdx.x == 0 && warp < Memory::kReaderWarps; ++warp) total += at.sum_of_warp[warp];
    return total;
}

// The group's loss and gradient, at its positions from `first` of the piece's row.
template <int kSteps, LossKind kKind>
__device__ double loss_of_group(const PackedTail& tail, const TrainPiece& piece, const Targets& targets,
                                const GradientSink& sink, const LossMemory<kSteps, kKind>& at,
                                std::int64_t sample, std::int64_t first) {
    const PackedLayer& last = tail.last();
    const int own_first = warp_id() * kWarpRows;
    Chain<kSteps, LossMemory<kSteps, kKind>> chain(at);
    PositionsByMarkers<kKind, kWarpRows> z{targets,   at.staged_targets(),
                                           nullptr,   nullptr,
                                           0,         first_bits(piece.length - first - own_first),
                                           own_first, piece.begin * tail.stride + first + own_first,
                                           0};
    double loss = 0;
    int tile = 0;
    const auto to = [&](int half) {
        const int marker = half * kTaken;
        z.slots = at.slots(chain.place()) + marker;
        z.markers = tail.markers - tile * kTileRows - marker;
    };
    const float* bias = tail.bias + last.bias;  // of the tile ahead
    const auto ahead = [&](int half) { z.bias = bias + half * kTaken; };
    const auto add_up = [&] {
        loss += z.loss;
        z.loss = 0;
    };
    chain.begin(z, ahead);
    for (; tile + 1 < last.tiles; ++tile) {
        bias += kTileRows;
        chain.add(z, to, ahead);
        add_up();
    }
    chain.add_last(z, to);
    add_up();
    store_gradient<kSteps>(chain.sum, sink, sample, first + own_first, piece.length);
    return loss;
}

// A block a tile of positions. kSteps: of the last layer's inputs.
template <int kSteps, LossKind kKind>
__global__ void __launch_bounds__(kBlockThreads, 1)
    loss_kernel(const __grid_constant__ Maps maps, PackedTail tail, TrainPiece piece, Targets targets,
                GradientSink sink, double* losses) {
    if constexpr (kHasHopper) {
        const LossMemory<kSteps, kKind> at(swizzle_shared());
        const std::int64_t sample = blockIdx.x / piece.tiles();
        const std::int64_t first = blockIdx.x % piece.tiles() * kPositions;  // in the piece's row
        const int groups = first + kGroupRows < piece.length ? 2 : 1;
        at.set_barriers(groups);
        if (threadIdx.x >= kReaders) {
            give_registers<kFillerRegisters>();
            if (threadIdx.x > kReaders) return;
            at.copy_own(maps.input, static_cast<int>(sample), static_cast<int>(first));
            const LabelSlot* const slots = targets.slots + std::int64_t{blockIdx.x} * targets.pitch;
            Turn next = first_to_fill();
            for (int row = 0; row < tail.last().tiles * kTileRows; row += kTileRows, next.next(kPlaces))
                at.copy_next(next, maps.weights, 0, row, slots + row);
            return;
        }
        take_registers<kReaderRegisters>();
        double loss = 0;
        if (warp_id() / kGroupWarps < groups)
            loss = loss_of_group<kSteps, kKind>(tail, piece, targets, sink, at, sample, first);
        const double total = sum_of_readers(at, loss);
        if (threadIdx.x == 0) losses[blockIdx.x] = total;
    } else {
        trap();
    }
}

// ---- gradient of the weights
template <int kSteps, LossKind kKind>
using WeightMemory = BlockMemory<kSteps, kKind, kMarkers>;

// Tiles of 64 positions of the piece, one after the other.
struct TilePlace {
    int sample;
    std::int64_t first;  // in the sample's row

    __device__ TilePlace(const TrainPiece& piece, std::int64_t number) {
        const std::int64_t of_row = (piece.length + kTileRows - 1) / kTileRows;
        sample = static_cast<int>(number / of_row);
        first = number % of_row * kTileRows;
    }
    __device__ void next(const TrainPiece& piece) {
        first += kTileRows;
        if (first < piece.length) return;
        first = 0;
        ++sample;
    }
};

// The group's sums, of markers from `first_marker` + 64 times its number; `row`: where the block's are left.
template <int kSteps, LossKind kKind>
__device__ void weights_of_group(const PackedTail& tail, const TrainPiece& piece, const Targets& targets,
                                 const WeightMemory<kSteps, kKind>& at, int first_marker, std::int64_t begin,
                                 std::int64_t end, std::int64_t row, float* weights, float* bias) {
    const int own_first = warp_id() * kWarpRows;
    Chain<kSteps, WeightMemory<kSteps, kKind>> chain(at);
    MarkersByPositions<kKind, kWarpRows> z{targets, at.staged_targets(), nullptr, 0, 0, 0, {}, {}};
    z.load_bias(tail.bias + tail.last().bias + first_marker + own_first,
                tail.markers - first_marker - own_first);
    TilePlace from(piece, begin);
    const auto to = [&](int half) {
        z.slots = at.slots(chain.place()) + own_first;
        z.move_to(from.first + half * kTaken, piece, tail.stride);
    };
    const auto ahead = [](int) {};  // own rows keep their bias
    chain.begin(z, ahead);
    for (std::int64_t tile = begin; tile + 1 < end; ++tile, from.next(piece)) chain.add(z, to, ahead);
    chain.add_last(z, to);
    z.template store<kSteps>(chain.sum, row + own_first, weights, bias);
}

// A block has 128 markers and a range of tiles of positions.
template <int kSteps, LossKind kKind>
__global__ void __launch_bounds__(kBlockThreads, 1)
    weights_kernel(const __grid_constant__ Maps maps, PackedTail tail, TrainPiece piece, Targets targets,
                   std::int64_t tiles, std::int64_t per_range, float* weights, float* bias) {
    if constexpr (kHasHopper) {
        const WeightMemory<kSteps, kKind> at(swizzle_shared());
        const int first_marker = static_cast<int>(blockIdx.x) * kMarkers;
        const std::int64_t begin = blockIdx.y * per_range;
        const std::int64_t end = begin + per_range < tiles ? begin + per_range : tiles;
        const int groups = first_marker + kGroupRows < tail.markers ? 2 : 1;
        at.set_barriers(groups);
        if (threadIdx.x >= kReaders) {
            give_registers<kFillerRegisters>();
            if (threadIdx.x > kReaders) return;
            at.copy_own(maps.weights, 0, first_marker);
            Turn next = first_to_fill();
            TilePlace from(piece, begin);
            for (std::int64_t tile = begin; tile < end; ++tile, next.next(kPlaces), from.next(piece)) {
                const std::int64_t slots = from.sample * piece.tiles() + from.first / kPositions;
                at.copy_next(next, maps.input, from.sample, static_cast<int>(from.first),
                             targets.slots + slots * targets.pitch + first_marker);
            }
            return;
        }
        take_registers<kReaderRegisters>();
        if (warp_id() / kGroupWarps < groups)
            weights_of_group<kSteps, kKind>(tail, piece, targets, at, first_marker, begin, end,
                                            blockIdx.y * std::int64_t{targets.pitch} + first_marker, weights,
                                            bias);
    } else {
        trap();
    }
}

Maps maps_of(const LastLayer& layer) {
    const PackedLayer& last = layer.tail.last();
    const RowMatrix &input = layer.input, weights = weights_of(layer.tail, last);
    const auto of = [](const RowMatrix& matrix, std::int64_t samples, std::int64_t rows) {
        return tiled_lines(matrix.data, samples, samples > 1 ? matrix.sample : rows * matrix.pitch, rows,
                           matrix.columns, matrix.pitch, kTileRows);
    };
    return {of(input, layer.piece.samples, layer.piece.length),
            of(weights, 1, std::int64_t{last.tiles} * kTileRows)};
}

template <int kSteps, LossKind kKind>
void start_loss(const LastLayer& layer, const GradientSink& sink, double* losses) {
    launch_with_shared(loss_kernel<kSteps, kKind>,
                       dim3(static_cast<unsigned>(layer.piece.samples * layer.piece.tiles())),
                       dim3(kBlockThreads), LossMemory<kSteps, kKind>::kBytes, maps_of(layer), layer.tail,
                       layer.piece, layer.targets, sink, losses);
}

template <int kSteps, LossKind kKind>
void start_weights(const LastLayer& layer, const Ranges& ranges, float* weights, float* bias) {
    launch_with_shared(weights_kernel<kSteps, kKind>,
                       dim3(blocks_for(layer.tail.markers, kMarkers), static_cast<unsigned>(ranges.count)),
                       dim3(kBlockThreads), WeightMemory<kSteps, kKind>::kBytes, maps_of(layer), layer.tail,
                       layer.piece, layer.targets, layer.position_tiles(), ranges.per_range, weights, bias);
}

}  // namespace hopper_train

void sm90_loss(const LastLayer& layer, const GradientSink& sink, double* losses) {
    for_shape(layer,
              [&](auto steps, auto kind) { hopper_train::start_loss<steps(), kind()>(layer, sink, losses); });
}

void sm90_last_weights(const LastLayer& layer, const Ranges& ranges, float* weights, float* bias) {
    for_shape(layer, [&](auto steps, auto kind) {
        hopper_train::start_weights<steps(), kind()>(layer, ranges, weights, bias);
    });
}

}  // namespace regkit::cuda
