// The row-shifted product of sm80.cu for compute capability 9.0: y^T = W * x^T by wgmma, from tiles that TMA
// brings. A block computes 64 output channels at 256 rows, positions of one sample, in 128 registers of each
// of 128 threads, the readers. One thread more, the filler, has everything copied as far ahead as there is
// room: a window of 64 channels of x serves all taps, tap t beginning t * pitch rows into it, and a tap's 64
// x 64 weights pass through a ring.
//
// Which rows of x follow one another:
//  - Positions as they are, of which a tap takes every one: the pitch is the dilation, and zeroes around the
//    sample are TMA's. So to a dilation whose taps reach 256 positions: a window has 256 + (taps - 1) *
//    dilation rows.
//  - Beyond, steps (rows.hpp): eight positions that follow one another, then those `dilation` further on, and
//    so on; the pitch is 8. Zeroes around the sample are rows of their own.
// Either way lanes that follow one another write eight or more positions that do: positions one dilation
// apart, which a window of single residues would hold, write 4 of each 32 bytes that the second cache moves.
// Windows whose rows were eight samples would do the same, and need eight samples.
//
// A pitch that is no multiple of 8 begins its operand within the eight rows after which the swizzle repeats.
// That is right because the swizzle is of the address (hopper.hpp), of which the operand's descriptor says
// that the pattern begins at a multiple of kSwizzleBytes: its base offset is 0.
//
// Two blocks share a processor wherever their memory allows it (64 channels of x, or a window of at most 344
// rows): one multiplies while the other waits, or writes.
//
// Computed, not measured, for width 10: a tile of 64 channels of x is 21 MFLOP, 5,120 cycles of the tensor
// cores, in which wgmma reads 10 KB of shared memory for each of 40 products of 128 cycles: 80 bytes of 128 a
// cycle. It takes 80 KB of weights and a window of 36 KB (dilation 3) to 63 KB (dilation 27) out of L2, 147
// to 181 FLOP a byte, which at an assumed 5.5 TB/s allow 810 to 990 TFLOP/s, less 64 KB a tile of y. Device
// memory moves x in fp32 to rows, the rows, and y: 768 bytes a position for 64 -> 64 channels (82 KFLOP: 320
// TFLOP/s at 3 TB/s), 2.0 KB for 128 -> 240 (614 KFLOP: 930), 2.1 KB for 240 -> 50 (240 KFLOP: 340). Of a
// sample's 2,500 positions tiles are 98 % full, in steps of 81 89 %, with 40 % more rows than positions.
#include <algorithm>

#include "kernels/cuda/conv/sm90.hpp"
#include "kernels/cuda/conv/windows.hpp"

namespace regkit::cuda {

// Not without a name: for other devices nothing of it is used, and nvcc would warn of that.
namespace hopper_conv {

constexpr int kTile = kWindowTile;
constexpr int kPlaces = 3;  // of the weights' ring
constexpr int kMostWindows = 2;
constexpr int kReaderWarps = kWarpgroup / kWarp;
constexpr int kBlockThreads = kWarpgroup + kWarp;
constexpr int kBlocks = 2;  // of a processor
inline constexpr int kReadersMeet = 1;
constexpr int kWeights = kRowTile * kRowTile;  // of a place
static_assert(kRowTile == 4 * kRowUnit);

// The sums on their way out, eight channels of a warp at a time: a row a channel. The pitch spreads what a
// warp writes over the banks.
constexpr int kChannels = 8;
constexpr int kChannelPitch = kTile + 8;
static_assert(kReaderWarps * kChannels * kChannelPitch * sizeof(float) <=
              (kTile * kRowTile + kPlaces * kWeights) * sizeof(Bf16));

// Plain data, passed to the kernel by value.
struct Plan {
    RowShift g;
    RowLines lines;
    int out_tiles;  // of 64 channels
    int depths;     // windows of 64 channels of x
    int windows;    // in shared memory
};

struct Maps {
    WindowMaps x;
    CUtensorMap weights;
};

// Which sums a block computes.
struct Target {
    int line;  // of all samples
    int row;
    int channel;
};

__device__ Target target_of(const Plan& plan, unsigned block) {
    const auto out_tiles = static_cast<unsigned>(plan.out_tiles),
               tiles = static_cast<unsigned>(plan.lines.tiles);
    return {static_cast<int>(block / out_tiles / tiles), static_cast<int>(block / out_tiles % tiles) * kTile,
            static_cast<int>(block % out_tiles) * kRowTile};
}

// Where a block keeps what, from a multiple of kSwizzleBytes. A `full` barrier ends a phase with all bytes
// of a copy, an `empty` one with an arrival of each of the readers' warps.
struct BlockMemory {
    Bf16 *windows, *ring;
    PhaseBarrier *window_full, *window_empty, *full, *empty;

    __device__ BlockMemory(const Plan& plan, unsigned char* memory)
        : windows(reinterpret_cast<Bf16*>(memory)),
          ring(windows + plan.windows * plan.lines.window_rows() * kRowTile),
          window_full(reinterpret_cast<PhaseBarrier*>(ring + kPlaces * kWeights)),
          window_empty(window_full + kMostWindows),
          full(window_empty + kMostWindows),
          empty(full + kPlaces),
          window_values_(plan.lines.window_rows() * kRowTile) {}
    __device__ Bf16* window(int place) const { return windows + place * window_values_; }
    __device__ Bf16* weights(int place) const { return ring + place * kWeights; }

    static constexpr std::size_t bytes(int windows, int halo) {
        const int rows = windows * (kTile + halo) + kPlaces * kRowTile;
        return kSwizzleBytes + static_cast<std::size_t>(rows * kRowBytes) +
               2 * (kMostWindows + kPlaces) * sizeof(PhaseBarrier);
    }

  private:
    int window_values_;
};

constexpr std::size_t kMostSharedOfTwo = 113 << 10;  // bytes of each
static_assert(BlockMemory::bytes(kMostWindows, kMostHalo) <= kMostHopperShared);
static_assert(BlockMemory::bytes(1, kMostHalo) <= kMostSharedOfTwo);
static_assert(BlockMemory::bytes(kMostWindows, 9 * 9 + 7) <= kMostSharedOfTwo);  // width 10, dilation 9

// What the filler does, by one thread.
struct Filler {
    const Plan& plan;
    const Maps& maps;
    const BlockMemory& at;
    const Target& target;
    Turn window, weights;

    __device__ void copy_window(int depth) {
        wait_phase(at.window_empty[window.place], window.parity);
        PhaseBarrier& full = at.window_full[window.place];
        arrive_and_expect(full, static_cast<unsigned>(plan.lines.window_rows() * kRowBytes));
        cuda::copy_window(at.window(window.place), maps.x, plan.lines, target.line,
                          plan.lines.first + target.row, depth * kRowTile, full);
        window.next(plan.windows);
    }
    __device__ void copy_weights(int depth, int tap) {
        wait_phase(at.empty[weights.place], weights.parity);
        arrive_and_expect(at.full[weights.place], kRowTile * kRowBytes);
        copy_tile(at.weights(weights.place), maps.weights, tap * plan.g.columns + target.channel,
                  depth * kRowTile, at.full[weights.place]);
        weights.next(kPlaces);
    }
    // A window begins to come when the one before it has all its readers: when the ring has come round in it.
    __device__ void fill() {
        const int turn = (plan.g.taps < kPlaces ? plan.g.taps : kPlaces) - 1;
        copy_window(0);
        for (int depth = 0; depth < plan.depths; ++depth)
            for (int tap = 0; tap < plan.g.taps; ++tap) {
                copy_weights(depth, tap);
                if (tap == turn && depth + 1 < plan.depths) copy_window(depth + 1);
            }
    }
};

// All taps of a window, of which kSteps * kRowUnit channels are x's.
template <int kSteps>
__device__ void add_taps(const Plan& plan, const BlockMemory& at, const Bf16* rows, Turn& weights,
                         WideSums& sums) {
#pragma unroll 1
    for (int tap = 0; tap < plan.g.taps; ++tap, rows += plan.lines.pitch * kRowTile) {
        wait_phase(at.full[weights.place], weights.parity);
        const Bf16* const by = at.weights(weights.place);
        begin_products(sums);
#pragma unroll
        for (int k = 0; k < kSteps; ++k) multiply_add_async(sums, operand(by, k), operand(rows, k));
        commit_products();
        wait_products(sums);
        release(at.empty[weights.place]);
        weights.next(kPlaces);
    }
}

__device__ void add_products(const Plan& plan, const BlockMemory& at, WideSums& sums) {
    Turn window = first_to_read(), weights = first_to_read();
#pragma unroll 1
    for (int left = plan.g.in / kRowUnit; left > 0; left -= kRowTile / kRowUnit) {
        wait_phase(at.window_full[window.place], window.parity);
        const Bf16* const rows = at.window(window.place);
        if (left >= 4)
            add_taps<4>(plan, at, rows, weights, sums);
        else if (left == 3)
            add_taps<3>(plan, at, rows, weights, sums);
        else if (left == 2)
            add_taps<2>(plan, at, rows, weights, sums);
        else
            add_taps<1>(plan, at, rows, weights, sums);
        release(at.window_empty[window.place]);
        window.next(plan.windows);
    }
}

// Eight channels of the calling warp: from shared memory, where the warp alone has left them, to y of the
// sample.
__device__ void write_channels(const Plan& plan, const Target& target, int channel, const float* staged,
                               const float* bias, float* y) {
    const RowShift& g = plan.g;
    const auto line = target.line % plan.lines.lines;
    const auto channels = static_cast<int>(g.out - channel < kChannels ? g.out - channel : kChannels);
    for (int r = static_cast<int>(threadIdx.x) % kWarp; r < kTile; r += kWarp) {
        const std::int64_t p = plan.lines.position(line, target.row + r);
        if (p >= g.out_length) continue;
#pragma unroll
        for (int c = 0; c < kChannels; ++c) {
            if (c >= channels) break;
            float value = staged[c * kChannelPitch + r];
            if (bias) value += bias[channel + c];
            if (g.relu) value = relu_of(value);
            float& to = y[(channel + c) * g.out_length + p];
            to = g.accumulate ? to + value : value;
        }
    }
}

__device__ void write_sums(const Plan& plan, const Target& target, const WideSums& sums, float* staged,
                           const float* bias, float* y) {
    const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
    float* const own = staged + warp * kChannels * kChannelPitch;
    float* const to = own + lane / 4 * kChannelPitch + lane % 4 * 2;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int channel = target.channel + warp * 16 + half * kChannels;
        if (channel >= plan.g.out) return;
        __syncwarp();  // all have read the channels before
#pragma unroll
        for (int n = 0; n < kTile / 8; ++n)
            for (int e = 0; e < 2; ++e) to[n * 8 + e] = sums[n][2 * half + e];
        __syncwarp();
        write_channels(plan, target, channel, own, bias, y);
    }
}

// A block a tile; those of the same rows follow one another.
__global__ void __launch_bounds__(kBlockThreads, kBlocks)
    row_shift_hopper_kernel(const __grid_constant__ Maps maps, Plan plan, const float* bias, float* y) {
    if constexpr (kHasHopper) {
        const BlockMemory at(plan, swizzle_shared());
        if (threadIdx.x == 0) {
            for (int place = 0; place < kMostWindows; ++place) {
                set_barrier(at.window_full[place], 1);
                set_barrier(at.window_empty[place], kReaderWarps);
            }
            for (int place = 0; place < kPlaces; ++place) {
                set_barrier(at.full[place], 1);
                set_barrier(at.empty[place], kReaderWarps);
            }
            publish_barriers();
        }
        __syncthreads();
        const Target target = target_of(plan, blockIdx.x);
        if (threadIdx.x >= kWarpgroup) {
            if (threadIdx.x == kWarpgroup)
                Filler{plan, maps, at, target, first_to_fill(), first_to_fill()}.fill();
            return;
        }
        WideSums sums = {};
        add_products(plan, at, sums);
        meet<kReadersMeet, kWarpgroup>();  // nobody needs the operands any more
        const std::int64_t sample = target.line / plan.lines.lines;
        write_sums(plan, target, sums, reinterpret_cast<float*>(at.windows), bias,
                   y + sample * plan.g.out * plan.g.out_length);
    } else {
        trap();
    }
}

// Weights as the kernel takes them: [tap][columns][in], zero beyond the layer's channels.
struct PackWeights {
    ShiftWeights weights;
    std::int64_t in, columns;
    Bf16* to;
    __device__ void operator()(std::int64_t index) const {
        to[index] = to_bf16(weights.at(index / in / columns, index % in, index / in % columns));
    }
};

RowLines lines_of(const RowShift& g) {
    return cuda::lines_of(g.out_length, g.dilation, g.shift, g.taps, g.taps);
}

}  // namespace hopper_conv

bool fits_sm90_shift(const RowShift& g) {
    return fits_windows(hopper_conv::lines_of(g));
}

void sm90_row_shift(const RowShift& g, const Tensor& x, const ShiftWeights& weights, const float* bias,
                    float* y, Scratch& scratch) {
    using namespace hopper_conv;
    Plan plan{};
    plan.g = g;
    plan.lines = hopper_conv::lines_of(g);
    const Rows rows = input_rows_of(x, plan.lines, g.shift, scratch);
    plan.g.in = static_cast<int>(rows.channels);
    plan.g.columns = static_cast<int>(round_up(g.out, kRowTile));
    plan.out_tiles = plan.g.columns / kRowTile;
    plan.depths = static_cast<int>(blocks_for(rows.channels, kRowTile));
    plan.windows = std::min(plan.depths, kMostWindows);
    const std::int64_t columns = plan.g.columns, values = g.taps * columns * rows.channels;
    Bf16* const packed = scratch.get<Bf16>(Scratch::kConvWeights, values);
    for_each(values, PackWeights{weights, rows.channels, columns, packed});
    const Maps maps{window_maps_of(rows, plan.lines),
                    tiled(packed, g.taps * columns, rows.channels, rows.channels, kRowTile)};
    const std::int64_t blocks = g.batch * plan.lines.lines * plan.lines.tiles * plan.out_tiles;
    launch_with_shared(row_shift_hopper_kernel, dim3(static_cast<unsigned>(blocks)), dim3(kBlockThreads),
                       BlockMemory::bytes(plan.windows, plan.lines.halo), maps, plan, bias, y);
}

}  // namespace regkit::cuda
