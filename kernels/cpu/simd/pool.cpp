// Max-pooling, lanes = outputs: one maximum a tap.
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

// What the windows from output p on see at one tap. Windows side by side overlap: one load; windows apart are
// gathered, those beyond the last from where the last is.
struct Overlapping {
    Overlapping(std::int64_t, std::int64_t) {}
    HWY_INLINE Vec operator()(const float* tap, std::int64_t p) const { return hn::LoadU(Tag(), tap + p); }
};
struct Apart {
    std::int64_t stride, n;

    Apart(std::int64_t between, std::int64_t outputs) : stride(between), n(outputs) {}
    HWY_INLINE Vec operator()(const float* tap, std::int64_t p) const {
        const TagI di;
        const auto last = hn::Set(di, static_cast<std::int32_t>(n - 1 - p));
        const auto lane = hn::Min(hn::Iota(di, 0), last);
        return hn::GatherIndex(Tag(), tap + p * stride,
                               hn::Mul(lane, hn::Set(di, static_cast<std::int32_t>(stride))));
    }
};

template <class Window>
void max_of(const PoolArgs& a, float* y) {
    const Tag d;
    const Window window(a.stride, a.n);
    for (std::int64_t p = 0; p < a.n; p += kLanes) {
        Vec best = window(a.padded + a.offset[0], p);
        for (int t = 1; t < a.taps; ++t) {
            const Vec value = window(a.padded + a.offset[t], p);
            best = hn::IfThenElse(better(value, best), value, best);
        }
        if (p + kLanes > a.n)
            best = hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(a.n - p)), best);
        hn::StoreU(best, d, y + p);
    }
}

template <class Window>
void argmax_of(const PoolArgs& a, std::int32_t* tap) {
    const TagI di;
    const Window window(a.stride, a.n);
    for (std::int64_t p = 0; p < a.n; p += kLanes) {
        Vec best = window(a.padded + a.offset[0], p);
        auto at = hn::Zero(di);
        for (int t = 1; t < a.taps; ++t) {
            const Vec value = window(a.padded + a.offset[t], p);
            const auto won = better(value, best);
            best = hn::IfThenElse(won, value, best);
            at = hn::IfThenElse(hn::RebindMask(di, won), hn::Set(di, t), at);
        }
        hn::StoreU(at, di, tap + p);
    }
}

void max(const PoolArgs& a, float* y) {
    a.stride == 1 ? max_of<Overlapping>(a, y) : max_of<Apart>(a, y);
}
void argmax(const PoolArgs& a, std::int32_t* tap) {
    a.stride == 1 ? argmax_of<Overlapping>(a, tap) : argmax_of<Apart>(a, tap);
}

const PoolKernels* table() {
    static constexpr PoolKernels kTable{max, argmax};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
REGKIT_KERNELS(PoolKernels, pool_kernels, table);
