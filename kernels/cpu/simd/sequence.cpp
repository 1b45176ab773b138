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

void lookup(const float* table, int taps, const std::int32_t* index, const std::int64_t* offset, float start,
            bool relu, std::int64_t length, float* y) {
    const Tag d;
    const TagI di;
    for (std::int64_t p = 0; p < length; p += kLanes) {
        Vec sum = hn::Set(d, start);
        for (int t = 0; t < taps; ++t)
            sum = hn::Add(sum, entries(table + 8 * t, hn::LoadU(di, index + offset[t] + p)));
        if (relu) sum = hn::IfThenZeroElse(hn::Lt(sum, hn::Zero(d)), sum);  // unlike Max, NaN stays
        if (p + kLanes > length)
            sum = hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(length - p)), sum);
        hn::StoreU(sum, d, y + p);
    }
}

const SequenceKernels* table() {
    static constexpr SequenceKernels kTable{lookup};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace regkit::cpu {
HWY_EXPORT(table);
const SequenceKernels* sequence_kernels() {
    return HWY_DYNAMIC_DISPATCH(table)();
}
}  // namespace regkit::cpu
#endif
