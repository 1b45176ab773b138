// The gradient of sm80_weight.cu for compute capability 9.0: dW_t[i][o] = sum over rows of window(x)[row + t
// * pitch][i] * dy[row][o], rows and windows as in sm90.cu. A block computes 64 x 64 channels of up to
// twelve taps, by three warpgroups of readers; a warpgroup has four taps, 64 output channels by 4 * 64 input
// channels, in 128 registers a thread. Tiles of 256 rows of dy, and the windows of x that meet them, come to
// two places, brought by a filler (TMA), and are summed over by wgmma, which takes both operands by rows. A
// product has two taps: of a window's 64 channels, and of the same ones `pitch` rows on, as if these were 64
// channels more.
//
// The tiles of all samples are split among blocks by the shape alone, each of which leaves its sums in device
// memory; a second kernel adds them up in their order.
//
// Computed, not measured: a tile of ten taps is 21 MFLOP, 5,120 cycles of the tensor cores, on 32 KB of dy
// and 36 KB (dilation 3) to 63 KB (dilation 27) of x: 215 to 300 FLOP a byte out of L2, at an assumed 5.5
// TB/s more than the tensor cores' 989 TFLOP/s. Shared memory gives 6 KB for each product of 64 cycles, 96
// bytes of 128 a cycle. The sums, 160 KB a block and 21 MB in all, are written and read once, about 10 us of
// L2: as long as the products of 64 x 64 channels take for 32 samples of 2,500 positions.
#include <algorithm>

#include "kernels/cuda/conv/sm90.hpp"
#include "kernels/cuda/conv/weight_sums.hpp"
#include "kernels/cuda/conv/windows.hpp"

namespace regkit::cuda {

// Not without a name: for other devices nothing of it is used, and nvcc would warn of that.
namespace hopper_weight {

constexpr int kPlaces = 2;
constexpr int kPairs = 2;  // of taps, of a warpgroup
constexpr int kGroups = 3;
constexpr int kMostTaps = 2 * kPairs * kGroups;
constexpr int kGroupWarps = kWarpgroup / kWarp;
constexpr int kReaders = kGroups * kWarpgroup;  // threads
// A warp by itself would do as filler, but registers are shared out by groups of four warps.
constexpr int kBlockThreads = kReaders + kWarpgroup;
constexpr int kFillerRegisters = 24, kReaderRegisters = 160;
static_assert(kWarpgroup * kFillerRegisters + kReaders * kReaderRegisters <= 128 * kBlockThreads);
inline constexpr int kProductRows = 16;

// Plain data, passed to the kernel by value.
struct Plan {
    RowLines lines;
    WeightSums sums;
    int group;               // of the taps that a block does
    std::int64_t tiles;      // of all samples
    std::int64_t per_block;  // of them

    int groups() const { return (sums.taps + group - 1) / group; }
    std::int64_t targets() const { return std::int64_t{groups()} * sums.in_tiles * sums.out_tiles; }
    __device__ int place_values() const { return (lines.window_rows() + kWindowTile) * kRowTile; }
    // With so many rows of a window behind its tile.
    static constexpr std::size_t bytes(int halo) {
        return kSwizzleBytes + kPlaces * (static_cast<std::size_t>((2 * kWindowTile + halo) * kRowBytes) +
                                          2 * sizeof(PhaseBarrier));
    }
};

static_assert(Plan::bytes(kMostHalo) <= kMostHopperShared);

struct Maps {
    WindowMaps x;
    CUtensorMap dy;
};

// Which sums a block computes: its first tap and channels, and over which tiles.
struct Target {
    int tap, input, output;
    std::int64_t begin, end;
};

__device__ Target target_of(const Plan& plan) {
    const int number = static_cast<int>(blockIdx.x);
    const std::int64_t begin = blockIdx.y * plan.per_block, end = begin + plan.per_block;
    return {number / plan.sums.out_tiles / plan.sums.in_tiles * plan.group,
            number / plan.sums.out_tiles % plan.sums.in_tiles * kRowTile,
            number % plan.sums.out_tiles * kRowTile, begin, end < plan.tiles ? end : plan.tiles};
}

// Pairs of taps that a block has; of its readers those of the first warpgroups have them.
__host__ __device__ constexpr int pairs_of(int taps) {
    return (taps + 1) / 2;
}
__device__ int active_groups(const Plan& plan) {
    return (pairs_of(plan.group) + kPairs - 1) / kPairs;
}

// The two places: a tile of dy, and behind it a window of x. A `full` barrier ends a phase with all bytes of
// a copy, an `empty` one with an arrival of each of the readers' warps.
struct BlockMemory {
    Bf16* data;
    PhaseBarrier *full, *empty;

    __device__ BlockMemory(const Plan& plan, unsigned char* memory)
        : data(reinterpret_cast<Bf16*>(memory)),
          full(reinterpret_cast<PhaseBarrier*>(data + kPlaces * plan.place_values())),
          empty(full + kPlaces),
          values_(plan.place_values()) {}
    __device__ Bf16* dy(int place) const { return data + place * values_; }
    __device__ Bf16* window(int place) const { return dy(place) + kWindowTile * kRowTile; }

  private:
    int values_;
};

// What the fillers do, by one thread.
__device__ void fill(const Plan& plan, const Maps& maps, const BlockMemory& at, const Target& target) {
    Turn turn = first_to_fill();
    const int first = plan.lines.first + target.tap * plan.lines.pitch;
    for (std::int64_t tile = target.begin; tile < target.end; ++tile) {
        const int line = static_cast<int>(tile / plan.lines.tiles),
                  row = static_cast<int>(tile % plan.lines.tiles) * kWindowTile;
        PhaseBarrier& full = at.full[turn.place];
        wait_phase(at.empty[turn.place], turn.parity);
        arrive_and_expect(full, static_cast<unsigned>(plan.place_values() * static_cast<int>(sizeof(Bf16))));
        copy_line_tile(at.dy(turn.place), maps.dy, line, row, target.output, full);
        copy_window(at.window(turn.place), maps.x, plan.lines, line, first + row, target.input, full);
        turn.next(kPlaces);
    }
}

// The calling warpgroup's sums, of kPairsHere pairs of taps from its first on.
template <int kPairsHere>
__device__ void add_products(const Plan& plan, const BlockMemory& at, const Target& target, int first_tap,
                             WideSums& sums) {
    Turn turn = first_to_read();
    const int pitch = plan.lines.pitch;
#pragma unroll 1
    for (std::int64_t tile = target.begin; tile < target.end; ++tile) {
        wait_phase(at.full[turn.place], turn.parity);
        const Bf16* const dy = at.dy(turn.place);
        const Bf16* const x = at.window(turn.place) + first_tap * pitch * kRowTile;
        begin_products(sums);
#pragma unroll
        for (int step = 0; step < kWindowTile / kProductRows; ++step) {
            const std::uint64_t a = operand_of_rows(dy, step, 0);
            multiply_rows_async<0>(sums, a, operand_of_rows(x, step, pitch));
            if constexpr (kPairsHere > 1)
                multiply_rows_async<1>(sums, a, operand_of_rows(x + 2 * pitch * kRowTile, step, pitch));
        }
        commit_products();
        wait_products(sums);
        release(at.empty[turn.place]);
        turn.next(kPlaces);
    }
}

// `to`: of the block.
template <int kPairsHere>
__device__ void leave_sums(const Plan& plan, const Target& target, int first_tap, const WideSums& sums,
                           float* to) {
    const int warp = static_cast<int>(threadIdx.x) / kWarp % kGroupWarps,
              lane = static_cast<int>(threadIdx.x) % kWarp;
    const int output = target.output + warp * 16 + lane / 4, input = target.input + lane % 4 * 2;
#pragma unroll
    for (int n = 0; n < kPairsHere * 16; ++n) {
        const int tap = first_tap + n / 8;
        if (tap >= plan.group || target.tap + tap >= plan.sums.taps) break;
        for (int i = 0; i < 4; ++i)
            to[plan.sums.place(target.tap + tap, input + n % 8 * 8 + i % 2, output + i / 2 * 8)] = sums[n][i];
    }
}

template <int kPairsHere>
__device__ void sum_up(const Plan& plan, const BlockMemory& at, const Target& target, int first_tap,
                       float* to) {
    WideSums sums = {};
    add_products<kPairsHere>(plan, at, target, first_tap, sums);
    leave_sums<kPairsHere>(plan, target, first_tap, sums, to);
}

// partial: of each block of tiles, its sums.
__global__ void __launch_bounds__(kBlockThreads, 1)
    weight_gradient_hopper_kernel(const __grid_constant__ Maps maps, Plan plan, float* partial) {
    if constexpr (kHasHopper) {
        const BlockMemory at(plan, swizzle_shared());
        if (threadIdx.x == 0) {
            for (int place = 0; place < kPlaces; ++place) {
                set_barrier(at.full[place], 1);
                set_barrier(at.empty[place], static_cast<unsigned>(active_groups(plan) * kGroupWarps));
            }
            publish_barriers();
        }
        __syncthreads();
        const Target target = target_of(plan);
        if (threadIdx.x >= kReaders) {
            give_registers<kFillerRegisters>();
            if (threadIdx.x == kReaders) fill(plan, maps, at, target);
            return;
        }
        take_registers<kReaderRegisters>();
        const int group = static_cast<int>(threadIdx.x) / kWarpgroup, first_pair = group * kPairs;
        if (group >= active_groups(plan)) return;
        float* const to = partial + blockIdx.y * plan.sums.count();
        if (pairs_of(plan.group) - first_pair >= kPairs)
            sum_up<kPairs>(plan, at, target, 2 * first_pair, to);
        else
            sum_up<1>(plan, at, target, 2 * first_pair, to);
    } else {
        trap();
    }
}

// All but what depends on the batch.
Plan plan_of(const ConvProblem& g) {
    Plan plan{};
    plan.sums = weight_sums_of(g);
    const int groups = (plan.sums.taps + kMostTaps - 1) / kMostTaps;
    plan.group = (plan.sums.taps + groups - 1) / groups;
    plan.lines = lines_of(g.out_length, g.dilation, g.pad_left, g.width, 2 * pairs_of(plan.group));
    return plan;
}

}  // namespace hopper_weight

bool fits_sm90_weight(const ConvProblem& g) {
    return fits_windows(hopper_weight::plan_of(g).lines);
}

void sm90_weight_gradient(const ConvProblem& g, const Tensor& x, const Tensor& dy, float* d_weight,
                          Scratch& scratch, std::int64_t wanted_blocks) {
    using namespace hopper_weight;
    Plan plan = plan_of(g);
    plan.tiles = g.batch * plan.lines.lines * plan.lines.tiles;
    const std::int64_t wanted = (wanted_blocks + plan.targets() - 1) / plan.targets();
    plan.per_block = (plan.tiles + wanted - 1) / wanted;
    const std::int64_t blocks = (plan.tiles + plan.per_block - 1) / plan.per_block;
    const Rows x_rows = input_rows_of(x, plan.lines, g.pad_left, scratch),
               dy_rows = output_rows_of(dy, plan.lines, scratch);
    const Maps maps{window_maps_of(x_rows, plan.lines), map_of(dy_rows, plan.lines, kWindowTile)};
    float* const partial = scratch.get<float>(Scratch::kConvPartials, blocks * plan.sums.count());
    launch_with_shared(weight_gradient_hopper_kernel,
                       dim3(static_cast<unsigned>(plan.targets()), static_cast<unsigned>(blocks)),
                       dim3(kBlockThreads), Plan::bytes(plan.lines.halo), maps, plan, partial);
    add_weight_sums(g, plan.sums, partial, blocks, d_weight);
}

}  // namespace regkit::cuda
