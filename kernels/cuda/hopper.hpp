// What kernels for sm_90a take from PTX beyond tensor_core.hpp, by name: barriers in shared memory that count
// threads and bytes, copies of tiles of a matrix by the tensor memory accelerator (TMA), and products of a
// warpgroup (four warps, 128 threads) that read their operands from shared memory, the left one from
// registers as well, and run beside it (wgmma).
// Under the emulator the same functions are C++ (test/emulator/hopper.cpp).
//
// These instructions exist on compute capability 9.0 alone. A kernel's body stands in `if constexpr
// (kHasHopper)`, with trap() for all other code of the plug-in, and the host starts it where
// Stream::capability() says 90.
//
// Taken from the PTX ISA 9.0, and not yet seen on hardware, so tried there before use (hopper_trial.hpp):
//  - Matrices lie in shared memory as TMA's 128-byte swizzle leaves them and wgmma's takes them: rows of 64
//    values, 128 bytes each, of which the 16-byte chunk c of row r is at place c ^ (r % 8). It is the address
//    that is swizzled, bits 4..6 with bits 7..9, so a tile begins at a multiple of 1024 bytes.
//  - The k-th 16 columns of such a tile are described by the address of its first row plus 32 * k bytes; of
//    its transposed matrix (the PTX ISA's "MN-major") the k-th 16 rows by the address of the first of them.
//    Any row may be the first: the pattern begins at a multiple of 1024 bytes all the same (base offset 0).
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
inline constexpr int kSwizzleBytes = 1024;                   // what a tile's address is a multiple of
inline constexpr int kTileColumns = 64;                      // of a tile: 128 bytes
inline constexpr std::size_t kMostHopperShared = 227 << 10;  // bytes of a block

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
// The same, for a good while at most, where it is in doubt that it ever ends. Whether it has.
__device__ bool wait_phase_a_while(PhaseBarrier& barrier, unsigned parity);

// Tiles come to a ring of places, each with two barriers: `full` ends a phase with the bytes of a tile,
// `empty` with an arrival of each warp that has read it. A place, and the parity of the phase to wait for.
struct Turn {
    int place;
    unsigned parity;

    __device__ void next(int places) {
        if (++place < places) return;
        place = 0;
        parity ^= 1;
    }
};
// Of `empty`, where the phase before the first counts as over: all places are free.
__device__ inline Turn first_to_fill() {
    return {0, 1};
}
// Of `full`.
__device__ inline Turn first_to_read() {
    return {0, 0};
}
// The calling warp has read a place.
__device__ void release(PhaseBarrier& empty);

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
// The same of `lines` such matrices, `distance` values apart: a tile ends where its line does.
CUtensorMap tiled_lines(const Bf16* data, std::int64_t lines, std::int64_t distance, std::int64_t rows,
                        std::int64_t columns, std::int64_t pitch, int tile_rows);
// Starts the copy of the tile whose first element is (row, column) to shared memory, swizzled; zeroes where
// the matrix has none. `barrier` counts all bytes of the tile when they have come. By one thread. `map` is a
// __grid_constant__ parameter of the kernel.
__device__ void copy_tile(Bf16* shared, const CUtensorMap& map, int row, int column, PhaseBarrier& barrier);
// Of tiled_lines().
__device__ void copy_line_tile(Bf16* shared, const CUtensorMap& map, int line, int row, int column,
                               PhaseBarrier& barrier);
// The same of `bytes` bytes that lie together, as they are; places and `bytes` are multiples of 16.
__device__ void copy_bytes(void* shared, const void* global, unsigned bytes, PhaseBarrier& barrier);
// What the calling thread has stored in shared memory is seen by wgmma, behind a barrier.
__device__ void fence_async_proxy();

// ---- products
// Sums of 64 rows x 8 * kParts columns: warp w of the warpgroup has rows 16 * w .., and of them lane l, with
// g = l / 4 and t = 2 * (l % 4), has in [n][2 * half + e] row g + 8 * half, column 8 * n + t + e.
template <int kParts>
using Sums = float[kParts][4];
using WideSums = Sums<32>;
// 16 columns of a left operand in registers: of the same rows as sums have, what multiply_add of
// tensor_core.hpp takes. Columns 16 * k .. of sums are, rounded, k-th of such a matrix.
using LeftPart = std::uint32_t[4];

// A tile's columns 16 * step .. 16 * step + 15, as either operand: both have a row a row or column of the
// sums. `rows` is the tile's first.
__device__ std::uint64_t operand(const Bf16* rows, int step);
// Its rows 16 * step .. 16 * step + 15, as an operand of rows, which has a column a row or column of the
// sums. Columns from 64 on are those of a tile that begins `distance` rows behind this one.
__device__ std::uint64_t operand_of_rows(const Bf16* rows, int step, int distance);

// Before the first product, and behind what wrote these registers: all sums and parts of left operands that
// products are to use until they are waited for.
template <typename... Registers>
__device__ void begin_products(Registers&... registers);
// Start sums += a b^T, of 64 rows `a` and the rows `b`, as many as the sums have columns, by the four warps
// of a warpgroup. Neither sums nor operands are to be touched until it is waited for.
__device__ void multiply_add_async(Sums<32>& sums, std::uint64_t a, std::uint64_t b);
__device__ void multiply_add_async(Sums<8>& sums, LeftPart& a, std::uint64_t b);
// Start sums += a b, over the 16 rows of `b`, an operand of rows.
__device__ void multiply_rows_async(Sums<8>& sums, LeftPart& a, std::uint64_t b);
__device__ void multiply_rows_async(Sums<16>& sums, LeftPart& a, std::uint64_t b);
// Starts half of the sums, columns 128 * kHalf .. 128 * kHalf + 127, += a^T b over the 16 rows of both.
template <int kHalf>
__device__ void multiply_rows_async(WideSums& sums, std::uint64_t a, std::uint64_t b);
__device__ void commit_products();
// For all products that the calling warp has committed, and all registers that they use.
template <typename... Registers>
__device__ void wait_products(Registers&... registers);

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

__device__ inline bool wait_phase_a_while(PhaseBarrier& barrier, unsigned parity) {
    unsigned is_over = 0;
    for (int i = 0; i < 1 << 20 && is_over == 0; ++i)  // each asks for a microsecond, more or less
        asm volatile(
            "{\n"
            ".reg .pred over;\n"
            "mbarrier.try_wait.parity.shared::cta.b64 over, [%1], %2, 1000;\n"
            "selp.u32 %0, 1, 0, over;\n"
            "}"
            : "=r"(is_over)
            : "r"(shared_address(&barrier)), "r"(parity)
            : "memory");
    return is_over != 0;
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
        "%4}], "
        "[%5];" ::"r"(shared_address(shared)),
        "l"(&map), "r"(column), "r"(row), "r"(line), "r"(shared_address(&barrier))
        : "memory");
}

__device__ inline void copy_bytes(void* shared, const void* global, unsigned bytes, PhaseBarrier& barrier) {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
            shared_address(shared)),
        "l"(global), "r"(bytes), "r"(shared_address(&barrier))
        : "memory");
}

__device__ inline void fence_async_proxy() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Bits 0..13 the address, 16..29 and 32..45 distances, all in units of 16 bytes. Bits 62..63: swizzled by
// 128 bytes.
__device__ inline std::uint64_t matrix_descriptor(const Bf16* rows, int first, int second) {
    const std::uint64_t address = shared_address(rows) & 0x3FFFFu;
    return address >> 4 | static_cast<std::uint64_t>(first) << 16 | static_cast<std::uint64_t>(second) << 32 |
           std::uint64_t{1} << 62;
}

// The first distance is not used where a row of the operand is within 128 bytes, the second is from eight
// rows to the next.
__device__ inline std::uint64_t operand(const Bf16* rows, int step) {
    return matrix_descriptor(rows, 1, kSwizzleBytes / 16) + static_cast<unsigned>(step) * 2;
}

// The first distance is from 64 columns to the next, the second from eight rows to the next.
__device__ inline std::uint64_t operand_of_rows(const Bf16* rows, int step, int distance) {
    return matrix_descriptor(rows + step * 16 * kTileColumns, distance * kTileColumns / kCopied,
                             kSwizzleBytes / 16);
}

// Their values are used behind this and were made before it, among other such statements.
template <int kParts>
__device__ void pin(Sums<kParts>& sums) {
#pragma unroll
    for (int n = 0; n < kParts; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) asm volatile("" : "+f"(sums[n][i])::"memory");
}
__device__ inline void pin(LeftPart& part) {
#pragma unroll
    for (int i = 0; i < 4; ++i) asm volatile("" : "+r"(part[i])::"memory");
}
template <int kSteps>
__device__ void pin(LeftPart (&parts)[kSteps]) {
#pragma unroll
    for (int k = 0; k < kSteps; ++k) pin(parts[k]);
}

template <typename... Registers>
__device__ void begin_products(Registers&... registers) {
    (pin(registers), ...);
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

template <typename... Registers>
__device__ void wait_products(Registers&... registers) {
    asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    (pin(registers), ...);
}

__device__ inline void commit_products() {
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Sums as operands of an assembly statement, and their numbers in its text.
#define REGKIT_SUM(n) "+f"(sums[n][0]), "+f"(sums[n][1]), "+f"(sums[n][2]), "+f"(sums[n][3])
#define REGKIT_SUMS_FROM(n)                                                                    \
    REGKIT_SUM(n), REGKIT_SUM(n + 1), REGKIT_SUM(n + 2), REGKIT_SUM(n + 3), REGKIT_SUM(n + 4), \
        REGKIT_SUM(n + 5), REGKIT_SUM(n + 6), REGKIT_SUM(n + 7)
#define REGKIT_0_TO_31                                                       \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define REGKIT_32_TO_63                                                                \
    "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
    "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define REGKIT_64_TO_127                                                                           \
    "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "             \
    "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "             \
    "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
    "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define REGKIT_LEFT_PART "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3])

// Behind the operands: 1 for sums that are kept, 1 and 1 for signs, 0 or 1 for what is transposed.
__device__ inline void multiply_add_async(Sums<32>& sums, std::uint64_t a, std::uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {" REGKIT_0_TO_31 ", " REGKIT_32_TO_63
                 ", " REGKIT_64_TO_127 "}, %128, %129, 1, 1, 1, 0, 0;"
                 : REGKIT_SUMS_FROM(0), REGKIT_SUMS_FROM(8), REGKIT_SUMS_FROM(16), REGKIT_SUMS_FROM(24)
                 : "l"(a), "l"(b)
                 : "memory");
}

__device__ inline void multiply_add_async(Sums<8>& sums, LeftPart& a, std::uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" REGKIT_0_TO_31
                 "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 0;"
                 : REGKIT_SUMS_FROM(0)
                 : REGKIT_LEFT_PART, "l"(b)
                 : "memory");
}

__device__ inline void multiply_rows_async(Sums<8>& sums, LeftPart& a, std::uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {" REGKIT_0_TO_31
                 "}, {%32, %33, %34, %35}, %36, 1, 1, 1, 1;"
                 : REGKIT_SUMS_FROM(0)
                 : REGKIT_LEFT_PART, "l"(b)
                 : "memory");
}

__device__ inline void multiply_rows_async(Sums<16>& sums, LeftPart& a, std::uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" REGKIT_0_TO_31 ", " REGKIT_32_TO_63
                 "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 1;"
                 : REGKIT_SUMS_FROM(0), REGKIT_SUMS_FROM(8)
                 : REGKIT_LEFT_PART, "l"(b)
                 : "memory");
}

template <int kHalf>
__device__ void multiply_rows_async(WideSums& sums, std::uint64_t a, std::uint64_t b) {
    constexpr int kFirst = kHalf * 16;
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" REGKIT_0_TO_31 ", " REGKIT_32_TO_63
                 "}, %64, %65, 1, 1, 1, 1, 1;"
                 : REGKIT_SUMS_FROM(kFirst), REGKIT_SUMS_FROM(kFirst + 8)
                 : "l"(a), "l"(b)
                 : "memory");
}

#undef REGKIT_SUM
#undef REGKIT_SUMS_FROM
#undef REGKIT_0_TO_31
#undef REGKIT_32_TO_63
#undef REGKIT_64_TO_127
#undef REGKIT_LEFT_PART

#else

// Registers are not emulated.
template <int kRegisters>
void give_registers() {}
template <int kRegisters>
void take_registers() {}

void meet_of_emulator(int id, int threads);

template <int kId, int kThreads>
void meet() {
    meet_of_emulator(kId, kThreads);
}

void multiply_rows_of_emulator(WideSums& sums, int half, std::uint64_t a, std::uint64_t b);

template <int kHalf>
void multiply_rows_async(WideSums& sums, std::uint64_t a, std::uint64_t b) {
    multiply_rows_of_emulator(sums, kHalf, a, b);
}

// Registers that products use: all that begin_products or wait_products names.
struct RegistersOfEmulator {
    void* data;
    std::size_t bytes;
};
void begin_products_of_emulator(const RegistersOfEmulator* registers, std::size_t count);
void wait_products_of_emulator(const RegistersOfEmulator* registers, std::size_t count);

template <typename... Registers>
void begin_products(Registers&... registers) {
    const RegistersOfEmulator all[] = {{&registers, sizeof registers}...};
    begin_products_of_emulator(all, sizeof...(registers));
}
template <typename... Registers>
void wait_products(Registers&... registers) {
    const RegistersOfEmulator all[] = {{&registers, sizeof registers}...};
    wait_products_of_emulator(all, sizeof...(registers));
}

#endif

__device__ inline void release(PhaseBarrier& empty) {
    __syncwarp();
    if (threadIdx.x % kWarp == 0) arrive(empty);
}

}  // namespace regkit::cuda
