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

// e^x = scale * (1 + fraction) for x in [-87, 0]: range reduction by Cody and Waite's two-part ln 2, then the
// series of e^r - 1 to r^7 on |r| <= ln 2 / 2, whose error relative to itself is below 2e-7.
template <class V>
struct ExpParts {
    V scale;  // a power of two
    V fraction;
};

template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE ExpParts<V> exp_parts(D d, V x) {
    namespace hn = hwy::HWY_NAMESPACE;
    const hn::RebindToSigned<D> di;
    const V n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504f)));
    V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
    r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
    V p = hn::Set(d, 1.0f / 5040);
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 720));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 120));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 24));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 6));
    p = hn::MulAdd(p, r, hn::Set(d, 0.5f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
    const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127)));
    return {hn::BitCast(d, exponent), hn::Mul(p, r)};
}

// e^x for x <= 0, relative error below 2e-7; 0 where it would be subnormal, NaN for NaN.
template <class D, class V = hwy::HWY_NAMESPACE::Vec<D>>
HWY_INLINE V exp_negative(D d, V x) {
    namespace hn = hwy::HWY_NAMESPACE;
    const ExpParts<V> e = exp_parts(d, x);
    const V value = hn::MulAdd(e.scale, e.fraction, e.scale);
    return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.0f)), value);
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
