// The register tile of weight gradients (outer-inl.hpp) in f32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/outer.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/outer-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

// An Operand: load(row, position) is a vector of words from there on, each kDepth positions, which are
// multiplied into the sum in kParts steps. A tile is at most kOutBlock x kInBlock.
struct OuterF32 {
    static constexpr int kDepth = 1, kParts = 1;
    static constexpr int kOutBlock = HWY_TARGET <= HWY_AVX3 ? 5 : 4,
                         kInBlock = HWY_TARGET <= HWY_AVX3 ? 5 : 3;
    static HWY_INLINE Vec load(const float* row, std::int64_t position) {
        return hn::LoadU(Tag(), row + position);
    }
    static HWY_INLINE Vec part(Vec word, int) { return word; }
    static HWY_INLINE Vec multiply_add(Vec g, Vec value, Vec sum) { return hn::MulAdd(g, value, sum); }
};

const OuterKernels* table() {
    static constexpr OuterKernels kTable = outer_kernels_of<OuterF32>();
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
REGKIT_KERNELS(OuterKernels, outer_kernels, table);
