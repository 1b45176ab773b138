// What kernels on tensor cores take from PTX, by name, for sm_80 and later: matrices from shared memory into
// the registers of a warp, products of matrices in bf16 with fp32 sums, copies from global to shared memory
// that need no registers, and dynamic shared memory. Under the emulator the same functions are C++
// (test/emulator/tensor_core.cpp). Fragments as in the PTX ISA, "Matrix multiply-accumulate operations".
//
// Where a function says "the warp", all 32 lanes must come to it together.
#pragma once

#include "kernels/cuda/runtime.hpp"

namespace regkit::cuda {

inline constexpr int kWarp = 32;

// The upper half of a float.
struct Bf16 {
    std::uint16_t bits;
};
inline constexpr int kCopied = 8;  // values of one asynchronous copy, and of a row of a matrix: 16 bytes

// Both rounded to the nearest, ties to even; `low` in the lower half.
__device__ std::uint32_t bf16_pair(float low, float high);
__device__ Bf16 to_bf16(float value);
__device__ float to_float(Bf16 value);

// The warp loads four 8x8 matrices from shared memory. Lane l passes where row l % 8 of matrix l / 8 begins:
// 8 values at a multiple of 16 bytes. In part[m] it receives row l / 4, columns 2 * (l % 4) and the next, of
// matrix m; transposed: rows 2 * (l % 4) and the next of column l / 4.
__device__ void load_matrices(std::uint32_t (&part)[4], const Bf16* row);
__device__ void load_matrices_transposed(std::uint32_t (&part)[4], const Bf16* row);

// The warp adds to a 16x8 matrix of sums the product of a 16x16 and a 16x8 matrix. With g = l / 4 and
// t = 2 * (l % 4), lane l holds
//   sum[0..1]  (g, t), (g, t+1)          sum[2..3]  (g+8, t), (g+8, t+1)
//   a[0] (g, t..)   a[1] (g+8, t..)   a[2] (g, t+8..)   a[3] (g+8, t+8..)     two columns each
//   b_low (t.., g)  b_high (t+8.., g)                                         two rows each
// so load_matrices gives `a` from row-major storage when its matrices are (rows 0..7, columns 0..7),
// (rows 8.., columns 0..), (rows 0.., columns 8..), (rows 8.., columns 8..), and its transposed twin gives
// b_low, b_high from row-major storage of (rows 0..7), (rows 8..15).
__device__ void multiply_add(float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b_low,
                             std::uint32_t b_high);

// Starts a copy of kCopied values from global to shared memory, both at a multiple of 16 bytes; where not
// `inside`, zeroes are written and nothing is read. Done for the thread that started it when it has waited,
// and for the others of the block after a barrier behind that.
__device__ void copy_async(Bf16* shared, const Bf16* global, bool inside);
// Copies since the last commit become a group; wait_copies<n> returns when all but the newest n are done.
__device__ void commit_copies();
template <int kPending>
__device__ void wait_copies();

// The block's shared memory of launch_with_shared, at a multiple of 128 bytes.
__device__ unsigned char* dynamic_shared();

#ifdef __CUDACC__

__device__ inline std::uint32_t bf16_pair(float low, float high) {
    std::uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}

__device__ inline Bf16 to_bf16(float value) {
    return {static_cast<std::uint16_t>(bf16_pair(value, 0.0f))};
}

__device__ inline float to_float(Bf16 value) {
    return __uint_as_float(std::uint32_t{value.bits} << 16);
}

// The address within shared memory, as PTX wants it.
__device__ inline std::uint32_t shared_address(const void* pointer) {
    return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

__device__ inline void load_matrices(std::uint32_t (&part)[4], const Bf16* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(part[0]), "=r"(part[1]), "=r"(part[2]), "=r"(part[3])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ inline void load_matrices_transposed(std::uint32_t (&part)[4], const Bf16* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(part[0]), "=r"(part[1]), "=r"(part[2]), "=r"(part[3])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ inline void multiply_add(float (&sum)[4], const std::uint32_t (&a)[4], std::uint32_t b_low,
                                    std::uint32_t b_high) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b_low), "r"(b_high));
}

__device__ inline void copy_async(Bf16* shared, const Bf16* global, bool inside) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
                 "r"(inside ? 16 : 0)
                 : "memory");
}

__device__ inline void commit_copies() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int kPending>
__device__ void wait_copies() {
    asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

__device__ inline unsigned char* dynamic_shared() {
    extern __shared__ __align__(128) unsigned char regkit_dynamic_shared[];
    return regkit_dynamic_shared;
}

#else

void wait_copies_of_emulator(int pending);

template <int kPending>
void wait_copies() {
    wait_copies_of_emulator(kPending);
}

#endif

}  // namespace regkit::cuda
