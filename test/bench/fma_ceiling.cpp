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

// Fast sets start two multiply-adds a cycle and take four or five cycles for one.
double chains(std::int64_t rounds, const float* factors, float* chain) {
    const hn::CappedTag<float, 16> d;
    using Vec = hn::Vec<decltype(d)>;
    Vec sum[kCeilingChains];
    const Vec a = hn::Set(d, factors[0]), b = hn::Set(d, factors[1]);
    HWY_UNROLL(16)
    for (int i = 0; i < kCeilingChains; ++i) sum[i] = hn::Set(d, chain[i]);
    for (std::int64_t r = 0; r < rounds; ++r) {
        HWY_UNROLL(16)
        for (int i = 0; i < kCeilingChains; ++i) sum[i] = hn::MulAdd(sum[i], a, b);
    }
    HWY_UNROLL(16)
    for (int i = 0; i < kCeilingChains; ++i) chain[i] = hn::GetLane(sum[i]);
    return static_cast<double>(rounds) * kCeilingChains * static_cast<double>(hn::Lanes(d));
}

}  // namespace
}  // namespace regkit::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace regkit {
HWY_EXPORT(chains);
double multiply_adds(std::int64_t rounds, const float factors[2], float chain[kCeilingChains]) {
    return HWY_DYNAMIC_DISPATCH(chains)(rounds, factors, chain);
}

#if defined(__x86_64__)
bool has_bf16_pairs() {
    return __builtin_cpu_supports("avx512bf16");
}

// Highway 1.0.3 has no name for the dot product of pairs.
__attribute__((target("avx512f,avx512bf16"))) double bf16_multiply_adds(std::int64_t rounds,
                                                                        const float factors[2],
                                                                        float chain[kCeilingChains]) {
    __m512 sum[kCeilingChains];
    const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(factors[0]), _mm512_set1_ps(factors[0])),
                   b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(factors[1]), _mm512_set1_ps(factors[1]));
    HWY_UNROLL(16)
    for (int i = 0; i < kCeilingChains; ++i) sum[i] = _mm512_set1_ps(chain[i]);
    for (std::int64_t r = 0; r < rounds; ++r) {
        HWY_UNROLL(16)
        for (int i = 0; i < kCeilingChains; ++i) sum[i] = _mm512_dpbf16_ps(sum[i], a, b);
    }
    HWY_UNROLL(16)
    for (int i = 0; i < kCeilingChains; ++i) chain[i] = _mm512_cvtss_f32(sum[i]);
    return static_cast<double>(rounds) * kCeilingChains * 32;
}
#else
bool has_bf16_pairs() {
    return false;
}

double bf16_multiply_adds(std::int64_t rounds, const float factors[2], float chain[kCeilingChains]) {
    return multiply_adds(rounds, factors, chain);
}
#endif
}  // namespace regkit
#endif
