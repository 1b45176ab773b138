// What the multiply-add units do when nothing else is asked of them: chains of vector multiply-adds that live
// in registers, as many as hide their latency.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "test/bench/fma_ceiling.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include "bench/fma_ceiling.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Multiply-adds of 12 chains, `rounds` long: fast sets start two a cycle and take four or five cycles for
// one.
double chains(std::int64_t rounds, float* out) {
    const hn::CappedTag<float, 16> d;
    constexpr int kChains = 12;
    using Vec = hn::Vec<decltype(d)>;
    Vec sum[kChains];
    const Vec a = hn::Set(d, out[0]), b = hn::Set(d, out[1]);
    HWY_UNROLL(16)
    for (int i = 0; i < kChains; ++i) sum[i] = hn::Set(d, static_cast<float>(i));
    for (std::int64_t r = 0; r < rounds; ++r) {
        HWY_UNROLL(16)
        for (int i = 0; i < kChains; ++i) sum[i] = hn::MulAdd(sum[i], a, b);
    }
    HWY_UNROLL(16)
    for (int i = 1; i < kChains; ++i) sum[0] = hn::Add(sum[0], sum[i]);
    hn::StoreU(sum[0], d, out);
    return static_cast<double>(rounds) * kChains * static_cast<double>(hn::Lanes(d));
}

}  // namespace
}  // namespace regkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace regkit {
HWY_EXPORT(chains);
double multiply_adds(std::int64_t rounds, float* out) {
    return HWY_DYNAMIC_DISPATCH(chains)(rounds, out);
}
}  // namespace regkit
#endif
