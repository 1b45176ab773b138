// What the multiply-add units do when nothing else is asked of them: chains of vector multiply-adds that live
// in registers, as many as hide their latency.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "test/bench/fma_ceiling.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

#if defined(__x86_64__)
namespace {

// As chains(), by the dot product of pairs. Highway 1.0.3 has no name for it.
__attribute__((target("avx512f,avx512bf16"))) double pair_chains(std::int64_t rounds, float* out) {
    constexpr int kChains = 12;
    __m512 sum[kChains];
    const __m512bh a = (__m512bh)_mm512_set1_epi32(0x3f003f00);  // pairs of 0.5
    HWY_UNROLL(16)
    for (int i = 0; i < kChains; ++i) sum[i] = _mm512_set1_ps(out[1]);
    for (std::int64_t r = 0; r < rounds; ++r) {
        HWY_UNROLL(16)
        for (int i = 0; i < kChains; ++i) sum[i] = _mm512_dpbf16_ps(sum[i], a, a);
    }
    HWY_UNROLL(16)
    for (int i = 1; i < kChains; ++i) sum[0] = _mm512_add_ps(sum[0], sum[i]);
    _mm512_storeu_ps(out, sum[0]);
    return static_cast<double>(rounds) * kChains * 32;
}

}  // namespace
#endif

double bf16_multiply_adds(std::int64_t rounds, float* out) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bf16")) return pair_chains(rounds, out);
#endif
    return multiply_adds(rounds, out);
}
}  // namespace regkit
#endif
