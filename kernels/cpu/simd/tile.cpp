// The register tile (tile-inl.hpp) in f32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/tile.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/tile-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

// An Operand: a word of x holds kDepth channels, which are multiplied into the sum in kParts steps. Each step
// takes its part of a word of x, and a float of a packed weight, packed(weight of the first channel, of the
// second, step), or its part of a word of weights. A tile has at most kBlock outputs.
struct F32 {
    static constexpr int kDepth = 1, kParts = 1, kBlock = HWY_TARGET <= HWY_AVX3 ? 10 : 6;
    static HWY_INLINE Vec weight(const float* word, int) { return hn::Set(Tag(), *word); }
    static float packed(float weight, float, int) { return weight; }
    static HWY_INLINE Vec part(Vec word, int) { return word; }
    static HWY_INLINE Vec multiply_add(Vec weight, Vec value, Vec sum) {
#if HWY_TARGET == HWY_AVX2
        // 15 of the 16 registers are taken; g++ copies and spills sums when it chooses the form of the
        // instruction.
        asm("vfmadd231ps %2, %1, %0" : "+x"(sum.raw) : "x"(weight.raw), "x"(value.raw));
        return sum;
#else
        return hn::MulAdd(weight, value, sum);
#endif
    }
};

const TileKernels* table() {
    static constexpr TileKernels kTable = tile_kernels_of<F32>();
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
REGKIT_KERNELS(TileKernels, tile_kernels, table);
