// The products with operands in bf16 by AVX512_BF16's dot product of pairs, which Highway 1.0.3 does not
// have. The tiles are the same templates (tile-inl.hpp, outer-inl.hpp), compiled with that instruction set
// added to AVX-512's: it goes into the functions of this file alone, all of internal linkage, so nothing that
// other files share can come out of it. isa.cpp asks the processor before it calls one.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/avx512bf16.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include "kernels/cpu/bf16.hpp"
#include "kernels/cpu/kernels.hpp"

#if HWY_TARGET == HWY_AVX3
#undef HWY_TARGET_STR  // of this target, until Highway sets that of the next
#define HWY_TARGET_STR HWY_TARGET_STR_AVX3 ",avx512bf16"
#endif
#include "kernels/cpu/simd/outer-inl.hpp"  // on every target, by which their guards count
#include "kernels/cpu/simd/tile-inl.hpp"

#if HWY_TARGET == HWY_AVX3

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

// See F32 in tile.cpp and OuterF32 in outer.cpp. A packed weight is a word. The instruction has its own order
// of the two additions and takes subnormal values as zero, so bits differ from those of bf16.cpp.
struct Bf16Pairs {
    static constexpr int kDepth = 2, kParts = 1, kBlock = 10, kOutBlock = 5, kInBlock = 5;
    static HWY_INLINE Vec weight(const float* word, int) { return hn::Set(Tag(), *word); }
    static float packed(float first, float second, int) { return bf16_word(first, second); }
    static HWY_INLINE Vec load(const float* row, std::int64_t position) {
        return Vec{_mm512_loadu_ps(reinterpret_cast<const std::uint8_t*>(row) + 2 * position)};
    }
    static HWY_INLINE Vec part(Vec word, int) { return word; }
    static HWY_INLINE Vec multiply_add(Vec weight, Vec value, Vec sum) {
        return Vec{_mm512_dpbf16_ps(sum.raw, (__m512bh)weight.raw, (__m512bh)value.raw)};
    }
};

constexpr TileKernels kTile = tile_kernels_of<Bf16Pairs>();
constexpr OuterKernels kOuter = outer_kernels_of<Bf16Pairs>();

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace regkit::cpu {
const TileKernels* avx512bf16_tile_kernels() {
#if HWY_TARGETS & HWY_AVX3
    return &N_AVX3::kTile;
#else
    return nullptr;
#endif
}
const OuterKernels* avx512bf16_outer_kernels() {
#if HWY_TARGETS & HWY_AVX3
    return &N_AVX3::kOuter;
#else
    return nullptr;
#endif
}
}  // namespace regkit::cpu
#endif
