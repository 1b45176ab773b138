// The first layer, lanes = positions.
//
// A convolution over symbols is a table look-up: table[tap][symbol] of one output channel fits one register
// (eight entries: N A C G T, outside, two unused), so a tap costs one permutation and one addition.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/sequence.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

using TagI = hn::RebindToSigned<Tag>;

// Sixteen lanes load the next tap's entries too, which no index names; the table has eight spare values at
// its end.
HWY_INLINE Vec entries(const float* table, hn::Vec<TagI> symbol) {
    const Tag d;
    if constexpr (kLanes >= 8) {
        return hn::TableLookupLanes(hn::LoadU(d, table), hn::IndicesFromVec(d, symbol));
    } else {
        return hn::GatherIndex(d, table, symbol);
    }
}

// kVec vectors of positions side by side: a chain of sums alone would wait for each addition.
template <int kVec>
HWY_INLINE void lookup_at(const float* HWY_RESTRICT table, int taps, const std::int32_t* HWY_RESTRICT index,
                          const std::int64_t* HWY_RESTRICT offset, float start, bool relu, std::int64_t p,
                          std::int64_t length, float* HWY_RESTRICT y) {
    const Tag d;
    const TagI di;
    Vec sum[kVec];
    HWY_UNROLL(8)
    for (int v = 0; v < kVec; ++v) sum[v] = hn::Set(d, start);
    for (int t = 0; t < taps; ++t) {
        const std::int32_t* const from = index + offset[t] + p;
        HWY_UNROLL(8)
        for (int v = 0; v < kVec; ++v)
            sum[v] = hn::Add(sum[v], entries(table + 8 * t, hn::LoadU(di, from + v * kLanes)));
    }
    HWY_UNROLL(8)
    for (int v = 0; v < kVec; ++v) {
        if (relu) sum[v] = hn::IfThenZeroElse(hn::Lt(sum[v], hn::Zero(d)), sum[v]);  // unlike Max, NaN stays
        const std::int64_t left = length - p - v * kLanes;
        if (left < kLanes) sum[v] = hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(left)), sum[v]);
        hn::StoreU(sum[v], d, y + p + v * kLanes);
    }
}

void lookup(const float* table, int taps, const std::int32_t* index, const std::int64_t* offset, float start,
            bool relu, std::int64_t length, float* y) {
    constexpr int kVec = 8;
    std::int64_t p = 0;
    for (; p + kVec * kLanes <= length; p += kVec * kLanes)
        lookup_at<kVec>(table, taps, index, offset, start, relu, p, length, y);
    for (; p < length; p += kLanes) lookup_at<1>(table, taps, index, offset, start, relu, p, length, y);
}

const SequenceKernels* table() {
    static constexpr SequenceKernels kTable{lookup};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
REGKIT_KERNELS(SequenceKernels, sequence_kernels, table);
