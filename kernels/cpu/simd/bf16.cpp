// The products (tile-inl.hpp, outer-inl.hpp) with operands in bf16 for every instruction set: a half of a
// word moved to the upper 16 bits is the float that it stands for, so each pair is two multiply-adds, the low
// half's first. And the conversion of rows to words.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/bf16.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include <cstring>

#include "kernels/cpu/bf16.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/outer-inl.hpp"
#include "kernels/cpu/simd/tile-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

using TagU = hn::RebindToUnsigned<Tag>;
using VecU = hn::Vec<TagU>;

// See F32 in tile.cpp and OuterF32 in outer.cpp. A packed weight is both its values, widened.
struct Bf16 {
    static constexpr int kDepth = 2, kParts = 2;
    // Smaller than in f32: words and their halves need registers beside the sums.
    static constexpr int kBlock = HWY_TARGET <= HWY_AVX3 ? 8 : 4;
    static constexpr int kOutBlock = HWY_TARGET <= HWY_AVX3 ? 4 : 3,
                         kInBlock = HWY_TARGET <= HWY_AVX3 ? 4 : 2;
    static HWY_INLINE Vec weight(const float* word, int part) {
        std::uint32_t bits;
        std::memcpy(&bits, word, sizeof bits);
        bits = part == 0 ? bits << 16 : bits & 0xffff0000u;
        float half;
        std::memcpy(&half, &bits, sizeof half);
        return hn::Set(Tag(), half);
    }
    static float packed(float first, float second, int part) {
        return bf16_rounded(part == 0 ? first : second);
    }
    static HWY_INLINE Vec load(const float* row, std::int64_t position) {
        const auto* const bytes = reinterpret_cast<const std::uint8_t*>(row) + 2 * position;
#if HWY_TARGET == HWY_SCALAR
        float word;
        std::memcpy(&word, bytes, sizeof word);
        return hn::Set(Tag(), word);
#else
        return hn::BitCast(Tag(), hn::LoadU(hn::Repartition<std::uint8_t, Tag>(), bytes));
#endif
    }
    static HWY_INLINE Vec part(Vec word, int part) {
        const TagU d;
        const VecU bits = hn::BitCast(d, word);
        return hn::BitCast(Tag(),
                           part == 0 ? hn::ShiftLeft<16>(bits) : hn::And(bits, hn::Set(d, 0xffff0000u)));
    }
    static HWY_INLINE Vec multiply_add(Vec weight, Vec value, Vec sum) {
        return hn::MulAdd(weight, value, sum);
    }
};

// bf16_bits of each lane, in its upper half; the lower is not cleared.
HWY_INLINE VecU rounded(Vec x) {
    const TagU d;
    const VecU bits = hn::BitCast(d, x);
    const VecU odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d, 1u));
    const VecU nearest = hn::Add(bits, hn::Add(odd, hn::Set(d, 0x7fffu)));
    return hn::IfThenElse(hn::RebindMask(d, hn::IsNaN(x)), hn::Or(bits, hn::Set(d, 0x400000u)), nearest);
}

HWY_INLINE void store_words(Vec low, Vec high, float* to) {
    const TagU d;
    const VecU upper = hn::And(rounded(high), hn::Set(d, 0xffff0000u));
    hn::StoreU(hn::BitCast(Tag(), hn::Or(hn::ShiftRight<16>(rounded(low)), upper)), Tag(), to);
}

void pair(const float* a, const float* b, std::int64_t n, float* to) {
    const Tag d;
    std::int64_t p = 0;
    for (; p + kLanes <= n; p += kLanes)
        store_words(hn::LoadU(d, a + p), b ? hn::LoadU(d, b + p) : hn::Zero(d), to + p);
    for (; p < n; ++p) to[p] = bf16_word(a[p], b ? b[p] : 0.0f);
}

void adjoin(const float* x, std::int64_t n, float* to) {
    std::int64_t p = 0;
#if HWY_TARGET != HWY_SCALAR
    const Tag d;
    for (; p + 2 * kLanes <= n; p += 2 * kLanes) {
        Vec even, odd;
        hn::LoadInterleaved2(d, x + p, even, odd);
        store_words(even, odd, to + p / 2);
    }
#endif
    for (; p < n; p += 2) to[p / 2] = bf16_word(x[p], p + 1 < n ? x[p + 1] : 0.0f);
}

const TileKernels* tile_table() {
    static constexpr TileKernels kTable = tile_kernels_of<Bf16>();
    return &kTable;
}
const OuterKernels* outer_table() {
    static constexpr OuterKernels kTable = outer_kernels_of<Bf16>();
    return &kTable;
}
const Bf16Kernels* row_table() {
    static constexpr Bf16Kernels kTable{pair, adjoin};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
REGKIT_KERNELS(TileKernels, bf16_tile_kernels, tile_table);
REGKIT_KERNELS(OuterKernels, bf16_outer_kernels, outer_table);
REGKIT_KERNELS(Bf16Kernels, bf16_kernels, row_table);
