// What kernels for sm_90a take from PTX beyond tensor_core.hpp, by name: barriers in shared memory that count
// threads and bytes, copies of tiles of a matrix by the tensor memory accelerator (TMA), and products of a
// warpgroup (four warps, 128 threads) that read their operands from shared memory and run beside it (wgmma).
// Under the emulator the same functions are C++ (test/emulator/hopper.cpp).
//
// These instructions exist on compute capability 9.0 alone. A kernel's body stands in `if constexpr
// (kHasHopper)`, with trap() for all other code of the plug-in, and the host starts it where
// Stream::capability() says 90.
//
// Taken from the PTX ISA 9.0, and not yet seen on hardware:
//  - Matrices lie in shared memory as TMA's 128-byte swizzle leaves them and wgmma's takes them: rows of 64
//    values, 128 bytes each, of which the 16-byte chunk c of row r is at place c ^ (r % 8). It is the address
//    that is swizzled, bits 4..6 with bits 7..9, so a tile begins at a multiple of 1024 bytes.
//  - The k-th 16 columns of such a tile are described by the address of its first row plus 32 * k bytes. Any
//    row may be the first: the pattern begins at a multiple of 1024 bytes all the same (base offset 0).
//  - What TMA writes is seen by who has waited for its barrier, generic loads as well as wgmma. What threads
//    store is seen by wgmma behind fence_async_proxy() of the thread that stored and a barrier. A tile that
//    was read, by wgmma that was waited for or by generic loads, may be copied over once a barrier has told
//    so.
#pragma once

#include <cuda.h>

#include "kernels/cuda/tensor_core.hpp"

namespace regkit::cuda {

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDACC__)
inline constexpr bool kHasHopper = true;
#else
inline constexpr bool kHasHopper = false;
#endif
inline constexpr int kHopper = 90;  // the compute capability that it is
inline constexpr int kWarpgroup = 4 * kWarp;
inline constexpr int kSwizzleBytes = 1024;  // what a tile's address is a multiple of
inline constexpr int kTileColumns = 64;     // of a tile: 128 bytes

// Ends the kernel as an error.
__device__ void trap();

// dynamic_shared() from its first multiple of kSwizzleBytes: ask for kSwizzleBytes more than is needed.
__device__ unsigned char* swizzle_shared();

// ---- barriers
// In shared memory. Its phases, from 0, end one after the other when `count` threads have arrived and all
// bytes that they announced have come.
struct PhaseBarrier {
    std::uint64_t state;
};
__device__ void set_barrier(PhaseBarrier& barrier, unsigned count);
// Behind the set_barrier calls of the calling thread: TMA knows them. Other threads do behind __syncthreads.
__device__ void publish_barriers();
__device__ void arrive(PhaseBarrier& barrier);
__device__ void arrive_and_expect(PhaseBarrier& barrier, unsigned bytes);
// Until the phase of this parity is over: that of an odd or an even number. The phase before the one that is
// going on counts as over, all that were before it are forgotten, so a thread must follow closely.
__device__ void wait_phase(PhaseBarrier& barrier, unsigned parity);

// The barrier `id` (1..15) of `threads` threads of the block, a multiple of 32; all lanes of a warp together.
template <int kId, int kThreads>
__device__ void meet();

// From here on the calling warpgroup's threads have so many registers each, a multiple of 8 from 24 to 256:
// fewer or more than the kernel began with. Who takes waits for those who give.
template <int kRegisters>
__device__ void give_registers();
template <int kRegisters>
__device__ void take_registers();

// ---- copies
// Of a matrix of bf16 in device memory [rows][columns], its rows `pitch` values apart, both it and them at a
// multiple of 16 bytes, in tiles of tile_rows (at most 256) x kTileColumns. Throws Failure.
CUtensorMap tiled(const Bf16* data, std::int64_t rows, std::int64_t columns, std::int64_t pitch,
                  int tile_rows);
// Starts the copy of the tile whose first element is (row, column) to shared memory, swizzled; zeroes where
// the matrix has none. `barrier` counts all bytes of the tile when they have come. By one thread. `map` is a
// __grid_constant__ parameter of the kernel.
__device__ void copy_tile(Bf16* shared, const CUtensorMap& map, int row, int column, PhaseBarrier& barrier);
// The same of `lines` such matrices behind one another, whose rows have no gaps: a tile ends where its line
// does.
CUtensorMap tiled_lines(const Bf16* data, std::int64_t lines, std::int64_t rows, std::int64_t columns,
                        int tile_rows);
__device__ void copy_line_tile(Bf16* shared, const CUtensorMap& map, int line, int row, int column,
                               PhaseBarrier& barrier);
// What the calling thread has stored in shared memory is seen by wgmma, behind a barrier.
__device__ void fence_async_proxy();

// ---- products
// Sums of 64 rows x 256 columns: warp w of the warpgroup has rows 16 * w .., and of them lane l, with g =
// l / 4 and t = 2 * (l % 4), has in [n][2 * half + e] row g + 8 * half, column 8 * n + t + e.
using WideSums = float[32][4];

// A tile's columns 16 * step .. 16 * step + 15, as either operand: both have a row a row or column of the
// sums. `rows` is the tile's first.
__device__ std::uint64_t operand(const Bf16* rows, int step);
// Before the first product, and behind what wrote the sums.
__device__ void begin_products(WideSums& sums);
// Starts sums += a b^T, of 64 rows `a` and 256 rows `b`, by the four warps of a warpgroup. Sums and operands
// are not to be touched until it is waited for.
__device__ void multiply_add_async(WideSums& sums, std::uint64_t a, std::uint64_t b);
// As operand(), of rows 16 * step .. 16 * step + 15 of tiles that begin `distance` rows apart: the columns of
// each are 64 rows or columns of the sums.
__device__ std::uint64_t operand_of_rows(const Bf16* rows, int step, int distance);
// Starts half of the sums, columns 128 * kHalf .. 128 * kHalf + 127, += a^T b over both operands' 16 rows:
// `a` has a tile, `b` two. Otherwise as multiply_add_async.
template <int kHalf>
__device__ void multiply_rows_async(WideSums& sums, std::uint64_t a, std::uint64_t b);
__device__ void commit_products();
// For all products that the calling warp has committed.
__device__ void wait_products(WideSums& sums);

#ifdef __CUDACC__

__device__ inline void trap() {
    __trap();
}

__device__ inline unsigned char* swizzle_shared() {
    unsigned char* const memory = dynamic_shared();
    return memory + (kSwizzleBytes - shared_address(memory) % kSwizzleBytes) % kSwizzleBytes;
}

__device__ inline void set_barrier(PhaseBarrier& barrier, unsigned count) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&barrier)), "r"(count)
                 : "memory");
}

__device__ inline void publish_barriers() {
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ inline void arrive(PhaseBarrier& barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&barrier)) : "memory");
}

__device__ inline void arrive_and_expect(PhaseBarrier& barrier, unsigned bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&barrier)),
                 "r"(bytes)
                 : "memory");
}

__device__ inline void wait_phase(PhaseBarrier& barrier, unsigned parity) {
    asm volatile(
        "{\n"
        ".reg .pred over;\n"
        "again:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 over, [%0], %1;\n"
        "@!over bra again;\n"
        "}" ::"r"(shared_address(&barrier)),
        "r"(parity)
        : "memory");
}

template <int kId, int kThreads>
__device__ void meet() {
    asm volatile("barrier.sync.aligned %0, %1;" ::"n"(kId), "n"(kThreads) : "memory");
}

template <int kRegisters>
__device__ void give_registers() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

template <int kRegisters>
__device__ void take_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

__device__ inline void copy_tile(Bf16* shared, const CUtensorMap& map, int row, int column,
                                 PhaseBarrier& barrier) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
        "[%4];" ::"r"(shared_address(shared)),
        "l"(&map), "r"(column), "r"(row), "r"(shared_address(&barrier))
        : "memory");
}

__device__ inline void copy_line_tile(Bf16* shared, const CUtensorMap& map, int line, int row, int column,
                                      PhaseBarrier& barrier) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, "
        "%4}], [%5];" ::"r"(shared_address(shared)),
        "l"(&map), "r"(column), "r"(row), "r"(line), "r"(shared_address(&barrier))
        : "memory");
}

__device__ inline void fence_async_proxy() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Bits 0..13 the address, 16..29 and 32..45 distances, all in units of 16 bytes: the first is not used where
// a row of the operand is within 128 bytes, the second is from eight rows to the next. Bits 62..63: swizzled
// by 128 bytes.
__device__ inline std::uint64_t operand(const Bf16* rows, int step) {
    const std::uint64_t address = shared_address(rows) & 0x3FFFFu;
    return (address >> 4 | std::uint64_t{1} << 16 | std::uint64_t{kSwizzleBytes / 16} << 32 |
            std::uint64_t{1} << 62) +
           static_cast<unsigned>(step) * 2;
}

// Bits 16..29 are here the distance from 64 columns to the next, 32..45 the one from eight rows to the next.
__device__ inline std::uint64_t operand_of_rows(const Bf16* rows, int step, int distance) {
    const std::uint64_t address = shared_address(rows + step * 16 * kTileColumns) & 0x3FFFFu;
    return address >> 4 | std::uint64_t{static_cast<unsigned>(distance) * 8} << 16 |
           std::uint64_t{kSwizzleBytes / 16} << 32 | std::uint64_t{1} << 62;
}

// All 128 sums as operands of an assembly statement: that they are named in each orders their other uses
// before or behind it.
#define REGKIT_SUM(n) "+f"(sums[n][0]), "+f"(sums[n][1]), "+f"(sums[n][2]), "+f"(sums[n][3])
#define REGKIT_SUMS_OF(n) REGKIT_SUM(n), REGKIT_SUM(n + 1), REGKIT_SUM(n + 2), REGKIT_SUM(n + 3)
#define REGKIT_SUMS                                                                                  \
    REGKIT_SUMS_OF(0), REGKIT_SUMS_OF(4), REGKIT_SUMS_OF(8), REGKIT_SUMS_OF(12), REGKIT_SUMS_OF(16), \
        REGKIT_SUMS_OF(20), REGKIT_SUMS_OF(24), REGKIT_SUMS_OF(28)

__device__ inline void begin_products(WideSums& sums) {
    asm volatile("wgmma.fence.sync.aligned;" : REGKIT_SUMS::"memory");
}

__device__ inline void multiply_add_async(WideSums& sums, std::uint64_t a, std::uint64_t b) {
    asm volatile(
        "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
        "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
        "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
        "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
        "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "
        "%128, %129, 1, 1, 1, 0, 0;"
        : REGKIT_SUMS
        : "l"(a), "l"(b)
        : "memory");
}

template <int kHalf>
__device__ void multiply_rows_async(WideSums& sums, std::uint64_t a, std::uint64_t b) {
    constexpr int kFirst = kHalf * 16;
    asm volatile(
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
        "%64, %65, 1, 1, 1, 1, 1;"
        : REGKIT_SUMS_OF(kFirst), REGKIT_SUMS_OF(kFirst + 4), REGKIT_SUMS_OF(kFirst + 8),
          REGKIT_SUMS_OF(kFirst + 12)
        : "l"(a), "l"(b)
        : "memory");
}

__device__ inline void commit_products() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

__device__ inline void wait_products(WideSums& sums) {
    asm volatile("wgmma.wait_group.sync.aligned 0;" : REGKIT_SUMS::"memory");
}

#undef REGKIT_SUM
#undef REGKIT_SUMS_OF
#undef REGKIT_SUMS

#else

// Registers are not emulated.
template <int kRegisters>
void give_registers() {}
template <int kRegisters>
void take_registers() {}

void meet_of_emulator(int id, int threads);
void multiply_rows_of_emulator(WideSums& sums, int half, std::uint64_t a, std::uint64_t b);

template <int kHalf>
void multiply_rows_async(WideSums& sums, std::uint64_t a, std::uint64_t b) {
    multiply_rows_of_emulator(sums, kHalf, a, b);
}

template <int kId, int kThreads>
void meet() {
    meet_of_emulator(kId, kThreads);
}

#endif

}  // namespace regkit::cuda
