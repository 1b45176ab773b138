// exp and what rests on it, compiled into each target of a file of kernels/cpu/simd that includes this after
// <hwy/highway.h>.
#if defined(REGKIT_KERNELS_CPU_SIMD_EXP_INL_HPP) == defined(HWY_TARGET_TOGGLE)  // once a target
#ifdef REGKIT_KERNELS_CPU_SIMD_EXP_INL_HPP
#undef REGKIT_KERNELS_CPU_SIMD_EXP_INL_HPP
#else
#define REGKIT_KERNELS_CPU_SIMD_EXP_INL_HPP
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {

// x = n ln 2 + r for x in [-87, 0], n whole and |r| <= ln 2 / 2 (Cody and Waite's two-part ln 2). Adding 1.5
// * 2^23 rounds to a whole number and leaves it in the low bits, from where it is moved to an exponent's
// place.
template <class V, class I>
struct ExpRange {
    V r;
    I exponent;  // n * 2^23
};

template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE auto exp_range(D d, V x) {
    namespace hn = hwy::HWY_NAMESPACE;
    const hn::RebindToSigned<D> di;
    const V magic = hn::Set(d, 12582912.0f);
    const V shifted = hn::MulAdd(x, hn::Set(d, 1.44269504f), magic);
    const V n = hn::Sub(shifted, magic);
    V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
    r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
    const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
    return ExpRange<V, hn::Vec<decltype(di)>>{r, exponent};
}

// e^x = scale * (1 + fraction) for x in [-87, 0]. The fraction's polynomial is the best of its degree
// relative to e^r - 1: 1.4e-8, and below 2e-7 with roundings.
template <class V>
struct ExpParts {
    V scale;  // a power of two
    V fraction;
};

template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE ExpParts<V> exp_parts(D d, V x) {
    namespace hn = hwy::HWY_NAMESPACE;
    const hn::RebindToSigned<D> di;
    const auto [r, exponent] = exp_range(d, x);
    V p = hn::Set(d, 1.38825214e-3f);
    p = hn::MulAdd(p, r, hn::Set(d, 8.36651865e-3f));
    p = hn::MulAdd(p, r, hn::Set(d, 4.16671991e-2f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.66665435e-1f));
    p = hn::MulAdd(p, r, hn::Set(d, 0.5f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
    return {hn::BitCast(d, hn::Add(exponent, hn::BitCast(di, hn::Set(d, 1.0f)))), hn::Mul(p, r)};
}

// e^x for x <= 0, relative error below 3e-7 (the polynomial's own: 1.1e-7); 0 where it would be subnormal,
// NaN for NaN.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V exp_negative(D d, V x) {
    namespace hn = hwy::HWY_NAMESPACE;
    const hn::RebindToSigned<D> di;
    const auto [r, exponent] = exp_range(d, x);
    V p = hn::Set(d, 8.31252145e-3f);
    p = hn::MulAdd(p, r, hn::Set(d, 4.18901467e-2f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.66671146e-1f));
    p = hn::MulAdd(p, r, hn::Set(d, 4.99992316e-1f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
    const V value = hn::BitCast(d, hn::Add(exponent, hn::BitCast(di, p)));
    // What a NaN's bits make of the exponent may be a number.
    const V kept = hn::IfThenElse(hn::IsNaN(x), x, value);
    return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.0f)), kept);
}

// 1 / (1 + e^-z) from e = e^-|z|.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V sigmoid_of(D d, V z, V e) {
    namespace hn = hwy::HWY_NAMESPACE;
    const V one = hn::Set(d, 1.0f);
    return hn::Div(hn::IfThenElse(hn::Lt(z, hn::Zero(d)), e, one), hn::Add(one, e));
}

template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V sigmoid(D d, V z) {
    namespace hn = hwy::HWY_NAMESPACE;
    return sigmoid_of(d, z, exp_negative(d, hn::Neg(hn::Abs(z))));
}

// With m = e^(-2|z|) - 1, formed without cancellation: |tanh z| = -m / (2 + m), so that small results keep
// their digits.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V tanh(D d, V z) {
    namespace hn = hwy::HWY_NAMESPACE;
    const V one = hn::Set(d, 1.0f), far = hn::Set(d, -40.0f);  // e^-40 is nothing beside 1
    const V x = hn::Mul(hn::Set(d, -2.0f), hn::Abs(z));
    const ExpParts<V> e = exp_parts(d, hn::IfThenElse(hn::Lt(x, far), far, x));  // unlike Max, NaN stays
    const V m = hn::MulAdd(e.scale, e.fraction, hn::Sub(e.scale, one));
    return hn::CopySign(hn::Div(m, hn::Add(hn::Set(d, 2.0f), m)), z);
}

}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
