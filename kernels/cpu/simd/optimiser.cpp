// Flat arrays: Adam, sums of squares, addition.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/optimiser.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

// Copies [p, n) into zero-filled buffers where less than a vector is left, so that the last elements see the
// same arithmetic as all others.
HWY_INLINE Vec load(const float* x, std::int64_t p, std::int64_t n) {
    const Tag d;
    if (p + kLanes <= n) return hn::LoadU(d, x + p);
    HWY_ALIGN float rest[kLanes] = {};
    for (std::int64_t i = p; i < n; ++i) rest[i - p] = x[i];
    return hn::Load(d, rest);
}

HWY_INLINE void store(Vec value, std::int64_t p, std::int64_t n, float* x) {
    const Tag d;
    if (p + kLanes <= n) return hn::StoreU(value, d, x + p);
    HWY_ALIGN float rest[kLanes];
    hn::Store(value, d, rest);
    for (std::int64_t i = p; i < n; ++i) x[i] = rest[i - p];
}

// Chains of 64 vectors in single precision, their sums in double.
double sum_of_squares(const float* x, std::int64_t n) {
    const Tag d;
    double total = 0;
    for (std::int64_t begin = 0; begin < n; begin += 64 * kLanes) {
        const std::int64_t end = begin + 64 * kLanes < n ? begin + 64 * kLanes : n;
        Vec sum = hn::Zero(d);
        for (std::int64_t p = begin; p < end; p += kLanes) {
            const Vec value = load(x, p, n);
            sum = hn::MulAdd(value, value, sum);
        }
        total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum)));
    }
    return total;
}

double sum(const float* x, std::int64_t n) {
    const Tag d;
    double total = 0;
    for (std::int64_t begin = 0; begin < n; begin += 64 * kLanes) {
        const std::int64_t end = begin + 64 * kLanes < n ? begin + 64 * kLanes : n;
        Vec part = hn::Zero(d);
        for (std::int64_t p = begin; p < end; p += kLanes) part = hn::Add(part, load(x, p, n));
        total += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, part)));
    }
    return total;
}

void adam(const AdamArgs& a, const float* g, std::int64_t n, float* w, float* m, float* v) {
    const Tag d;
    const Vec beta1 = hn::Set(d, a.beta1), rest1 = hn::Set(d, 1.0f - a.beta1);
    const Vec beta2 = hn::Set(d, a.beta2), rest2 = hn::Set(d, 1.0f - a.beta2);
    const Vec scale = hn::Set(d, a.gradient_scale), rate = hn::Set(d, a.step_size), eps = hn::Set(d, a.eps);
    const Vec correction = hn::Set(d, a.root_correction);
    for (std::int64_t p = 0; p < n; p += kLanes) {
        const Vec grad = hn::Mul(load(g, p, n), scale);
        const Vec first = hn::MulAdd(beta1, load(m, p, n), hn::Mul(rest1, grad));
        const Vec second = hn::MulAdd(beta2, load(v, p, n), hn::Mul(rest2, hn::Mul(grad, grad)));
        const Vec spread = hn::MulAdd(hn::Sqrt(second), correction, eps);
        store(first, p, n, m);
        store(second, p, n, v);
        store(hn::Sub(load(w, p, n), hn::Mul(rate, hn::Div(first, spread))), p, n, w);
    }
}

void add(const float* x, std::int64_t n, float* y) {
    for (std::int64_t p = 0; p < n; p += kLanes) store(hn::Add(load(x, p, n), load(y, p, n)), p, n, y);
}

const OptimiserKernels* table() {
    static constexpr OptimiserKernels kTable{sum, sum_of_squares, adam, add};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
REGKIT_KERNELS(OptimiserKernels, optimiser_kernels, table);
