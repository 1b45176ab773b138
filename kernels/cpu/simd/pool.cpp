// Max-pooling at stride 1, lanes = positions: one maximum a tap.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/pool.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

using TagI = hn::RebindToSigned<Tag>;

// IfThenElse instead of Max: a NaN, which Max may swallow, travels on from either operand.
HWY_INLINE hn::Mask<Tag> better(Vec value, Vec best) {
    return hn::Or(hn::Gt(value, best), hn::IsNaN(value));
}

void max(const float* padded, const std::int64_t* offset, int taps, std::int64_t n, float* y) {
    const Tag d;
    for (std::int64_t p = 0; p < n; p += kLanes) {
        Vec best = hn::LoadU(d, padded + offset[0] + p);
        for (int t = 1; t < taps; ++t) {
            const Vec value = hn::LoadU(d, padded + offset[t] + p);
            best = hn::IfThenElse(better(value, best), value, best);
        }
        if (p + kLanes > n) best = hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(n - p)), best);
        hn::StoreU(best, d, y + p);
    }
}

void argmax(const float* padded, const std::int64_t* offset, int taps, std::int64_t n, std::int32_t* tap) {
    const Tag d;
    const TagI di;
    for (std::int64_t p = 0; p < n; p += kLanes) {
        Vec best = hn::LoadU(d, padded + offset[0] + p);
        auto at = hn::Zero(di);
        for (int t = 1; t < taps; ++t) {
            const Vec value = hn::LoadU(d, padded + offset[t] + p);
            const auto won = better(value, best);
            best = hn::IfThenElse(won, value, best);
            at = hn::IfThenElse(hn::RebindMask(di, won), hn::Set(di, t), at);
        }
        hn::StoreU(at, di, tap + p);
    }
}

const PoolKernels* table() {
    static constexpr PoolKernels kTable{max, argmax};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace regkit::cpu {
HWY_EXPORT(table);
const PoolKernels* pool_kernels() {
    return HWY_DYNAMIC_DISPATCH(table)();
}
}  // namespace regkit::cpu
#endif
