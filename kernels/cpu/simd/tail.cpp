// What lies between the tail's matrix products: activation, sigmoid, loss, transposition. Columns are
// positions.
//
// With e = exp(-|z|), one division gives the sigmoid, and softplus(z) = max(z, 0) + log(1 + e). The logarithm
// is taken once a lane and row, of the product of all (1 + e), kept as product - 1 so that small e lose
// nothing. The Poisson loss needs the logarithm of every softplus: see Softplus.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/tail.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include <cmath>
#include <cstdint>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/exp-inl.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"
#include "kernels/sinks.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

using TagI = hn::RebindToSigned<Tag>;

void sigmoids(float* z, std::int64_t n) {
    const Tag d;
    for (std::int64_t p = 0; p < n; p += kLanes) {
        hn::StoreU(sigmoid(d, hn::LoadU(d, z + p)), d, z + p);
    }
}

void stream(const float* from, std::int64_t n, float* to) {
    const Tag d;
    constexpr std::uintptr_t kBytes = kLanes * sizeof(float);
    std::int64_t p = 0;
    for (; p < n && reinterpret_cast<std::uintptr_t>(to + p) % kBytes != 0; ++p) to[p] = from[p];
    for (; p + kLanes <= n; p += kLanes) hn::Stream(hn::LoadU(d, from + p), d, to + p);
    for (; p < n; ++p) to[p] = from[p];
}

// atanh(s) / s for |s| <= 1/3, from the square of s: 1 + s^2/3 + s^4/5 + ...
HWY_INLINE Vec atanh_ratio(Vec square) {
    const Tag d;
    Vec p = hn::Set(d, 1.0f / 15);
    for (const float denominator : {13.0f, 11.0f, 9.0f, 7.0f, 5.0f, 3.0f, 1.0f})
        p = hn::MulAdd(p, square, hn::Set(d, 1.0f / denominator));
    return p;
}

// log(x) of a normal x > 0: x = 2^k m with m in [sqrt(1/2), sqrt(2)), log(m) = 2 atanh((m - 1) / (m + 1)).
HWY_INLINE Vec log_positive(Vec x) {
    const Tag d;
    const TagI di;
    const auto bits = hn::BitCast(di, x);
    const auto k = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3f3504f3)));  // of sqrt(1/2)
    const Vec m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(k)));
    const Vec one = hn::Set(d, 1.0f), exponent = hn::ConvertTo(d, k);
    const Vec s = hn::Div(hn::Sub(m, one), hn::Add(m, one));
    const Vec log_m = hn::Mul(hn::Add(s, s), atanh_ratio(hn::Mul(s, s)));
    const Vec low = hn::MulAdd(exponent, hn::Set(d, -2.12194440e-4f), log_m);
    return hn::MulAdd(exponent, hn::Set(d, 0.693359375f), low);
}

// softplus(z) without loss of relative precision anywhere above e^-87. With e = exp(-|z|) and q = log(1 + e)
// / e in [log 2, 1] it is e q below zero and z + e q above; so its logarithm is min(z, 0) + log(factor), and
// sigmoid(z) / softplus(z) is 1 / ((1 + e) factor), where nothing underflows.
struct Softplus {
    Vec e, value, factor;

    HWY_INLINE explicit Softplus(Vec z) {
        const Tag d;
        e = exp_negative(d, hn::Neg(hn::Abs(z)));
        // log(1 + e) = 2 atanh(s) with s = e / (2 + e)
        const Vec twice = hn::Div(hn::Set(d, 2.0f), hn::Add(hn::Set(d, 2.0f), e));
        const Vec s = hn::Mul(hn::Mul(e, hn::Set(d, 0.5f)), twice);
        const Vec q = hn::Mul(twice, atanh_ratio(hn::Mul(s, s)));
        const Vec above = hn::IfThenZeroElse(hn::Lt(z, hn::Zero(d)), z);  // unlike Max, NaN stays
        value = hn::MulAdd(e, q, above);
        factor = hn::IfThenElse(hn::Gt(z, hn::Zero(d)), value, q);
    }
};

void softplus(float* z, std::int64_t n) {
    const Tag d;
    for (std::int64_t p = 0; p < n; p += kLanes) hn::StoreU(Softplus(hn::LoadU(d, z + p)).value, d, z + p);
}

void codes(const float* z, std::int64_t n, std::uint8_t* out) {
    const Tag d;
    const TagI di;
    const hn::Rebind<std::uint8_t, Tag> d8;
    const Vec scale = hn::Set(d, kLogitCodesPerUnit);
    const Vec least = hn::Set(d, -float{kLogitCodeLimit}), most = hn::Set(d, float{kLogitCodeLimit});
    const auto code_of = [&](const float* from) HWY_ATTR {
        const Vec steps = hn::Mul(hn::LoadU(d, from), scale);
        const auto number = hn::Eq(steps, steps);
        const Vec held = hn::IfThenElseZero(number, hn::Min(hn::Max(steps, least), most));
        const auto code = hn::Add(hn::NearestInt(held), hn::Set(di, kLogitCodeZero));
        return hn::DemoteTo(d8, hn::IfThenElseZero(hn::RebindMask(di, number), code));
    };
    std::int64_t p = 0;
    for (; p + kLanes <= n; p += kLanes) hn::StoreU(code_of(z + p), d8, out + p);
    if (p == n) return;
    std::uint8_t rest[kLanes];
    hn::StoreU(code_of(z + p), d8, rest);
    for (std::int64_t i = p; i < n; ++i) out[i] = rest[i - p];
}

bool any_reached(const float* z, std::int64_t n, float bound) {
    const Tag d;
    const Vec least = hn::Set(d, bound);
    auto all_below = hn::Eq(hn::Zero(d), hn::Zero(d));
    for (std::int64_t p = 0; p < n; p += kLanes)
        all_below = hn::And(all_below, hn::Lt(hn::LoadU(d, z + p), least));
    return !hn::AllTrue(d, all_below);
}

void reached(const float* z, std::int64_t n, float bound, std::uint8_t* out) {
    const Tag d;
    const Vec least = hn::Set(d, bound);
    constexpr std::int64_t kGroup = kLanes < 8 ? 8 : kLanes;
    for (std::int64_t p = 0; p < n; p += kGroup) {
        std::uint8_t bytes[8] = {};  // StoreMaskBits may write 8
        for (std::int64_t i = 0; i < kGroup; i += kLanes) {
            std::uint8_t raw[8] = {};
            hn::StoreMaskBits(d, hn::Not(hn::Lt(hn::LoadU(d, z + p + i), least)), raw);
            if constexpr (kLanes < 8)
                bytes[0] = static_cast<std::uint8_t>(bytes[0] | raw[0] << i);
            else
                for (std::int64_t b = 0; b < kLanes / 8; ++b) bytes[b] = raw[b];
        }
        for (std::int64_t b = 0; b < kGroup / 8 && p + 8 * b < n; ++b) {
            const std::int64_t left = n - p - 8 * b;
            out[p / 8 + b] = static_cast<std::uint8_t>(bytes[b] & (left < 8 ? (1 << left) - 1 : 255));
        }
    }
}

// rate - y log(rate) and its derivative ((z < 0 ? e : 1) - y / factor) / (1 + e).
LossSums poisson(const LossArgs& a) {
    const Tag d;
    const Vec scale = hn::Set(d, a.scale), one = hn::Set(d, 1.0f);
    Vec loss = hn::Zero(d), gradient = hn::Zero(d);
    for (std::int64_t p = 0; p < a.columns; p += kLanes) {
        const Vec z = hn::LoadU(d, a.z + p), valid = hn::LoadU(d, a.valid + p);
        const Softplus rate(z);
        Vec value = rate.value, slope = hn::IfThenElse(hn::Lt(z, hn::Zero(d)), rate.e, one);
        if (a.target) {
            const Vec y = hn::LoadU(d, a.target + p);
            const Vec log_rate = hn::Add(hn::Min(z, hn::Zero(d)), log_positive(rate.factor));
            value = hn::NegMulAdd(y, log_rate, value);
            slope = hn::Sub(slope, hn::Div(y, rate.factor));
        }
        loss = hn::MulAdd(valid, value, loss);
        // NaN reaches the gradient through the factor or e.
        const Vec g = hn::Mul(hn::Div(slope, hn::Add(one, rate.e)), hn::Mul(valid, scale));
        hn::StoreU(g, d, a.z + p);
        gradient = hn::Add(gradient, g);
    }
    return {static_cast<double>(hn::GetLane(hn::SumOfLanes(d, loss))),
            hn::GetLane(hn::SumOfLanes(d, gradient))};
}

// log of the product of all (1 + lane), in double precision, where adding a small lane to 1 loses nothing
// that counts.
double log_of_product(const float (&lanes)[kLanes]) {
    double product = 1;
    for (const float lane : lanes) product *= 1 + static_cast<double>(lane);
    return std::log(product);
}

LossSums cross_entropy(const LossArgs& a) {
    const Tag d;
    const Vec scale = hn::Set(d, a.scale), weight = hn::Set(d, a.pos_weight);
    Vec linear = hn::Zero(d), gradient = hn::Zero(d);
    double logs = 0;
    constexpr std::int64_t kPiece =
        32 * kLanes;  // a lane's 32 factors of at most 2; sixteen lanes stay below 2^513
    for (std::int64_t begin = 0; begin < a.columns; begin += kPiece) {
        const std::int64_t end = begin + kPiece < a.columns ? begin + kPiece : a.columns;
        Vec product = hn::Zero(d), weighted = hn::Zero(d);
        for (std::int64_t p = begin; p < end; p += kLanes) {
            const Vec z = hn::LoadU(d, a.z + p), valid = hn::LoadU(d, a.valid + p);
            const Vec e = exp_negative(d, hn::Neg(hn::Abs(z)));
            const Vec s = sigmoid_of(d, z, e);
            Vec g = s;
            if (a.target) {
                // pos_weight * softplus(-z) = pos_weight * (max(-z, 0) + log(1 + e)) where present
                const Vec y = hn::Mul(hn::LoadU(d, a.target + p), valid), absent = hn::Sub(valid, y);
                const Vec positive = hn::Mul(weight, y);
                linear = hn::MulAdd(absent, hn::Max(hn::Zero(d), z), linear);
                linear = hn::MulAdd(positive, hn::Max(hn::Zero(d), hn::Neg(z)), linear);
                const Vec e0 = hn::Mul(e, absent), e1 = hn::Mul(e, y);
                product = hn::MulAdd(e0, product, hn::Add(product, e0));
                weighted = hn::MulAdd(e1, weighted, hn::Add(weighted, e1));
                g = hn::MulSub(s, hn::Add(absent, positive), positive);
            } else {
                const Vec e0 = hn::Mul(e, valid);
                linear = hn::MulAdd(valid, hn::Max(hn::Zero(d), z), linear);
                product = hn::MulAdd(e0, product, hn::Add(product, e0));
                g = hn::Mul(s, valid);
            }
            g = hn::Mul(g, scale);
            hn::StoreU(g, d, a.z + p);
            gradient = hn::Add(gradient, g);
        }
        HWY_ALIGN float lanes[2][kLanes];
        hn::Store(product, d, lanes[0]);
        hn::Store(weighted, d, lanes[1]);
        logs += log_of_product(lanes[0]);
        if (a.target) logs += static_cast<double>(a.pos_weight) * log_of_product(lanes[1]);
    }
    return {logs + static_cast<double>(hn::GetLane(hn::SumOfLanes(d, linear))),
            hn::GetLane(hn::SumOfLanes(d, gradient))};
}

// Lanes [first, first + kLanes) of the bits of 128 positions.
HWY_INLINE hn::Mask<Tag> survivors(const std::uint8_t* bits, std::int64_t first) {
    std::uint8_t raw[8] = {};  // LoadMaskBits reads at most 8 bytes
    raw[0] = kLanes < 8 ? static_cast<std::uint8_t>(bits[first / 8] >> (first % 8)) : bits[first / 8];
    if constexpr (kLanes > 8) raw[1] = bits[first / 8 + 1];
    return hn::LoadMaskBits(Tag(), raw);
}

void hidden(const HiddenArgs& a) {
    const Tag d;
    const Vec scale = hn::Set(d, a.scale);
    for (int r = 0; r < a.rows; ++r) {
        float* z = a.z + r * a.stride;
        for (int j = 0; j < a.phases; ++j, z += a.lanes) {
            const std::uint8_t* const bits =
                a.bits ? a.bits + (static_cast<std::int64_t>(r) * a.phase_count + a.first_phase + j) * 16
                       : nullptr;
            for (std::int64_t p = 0; p < a.lanes; p += kLanes) {
                const Vec input = hn::LoadU(d, z + p);
                Vec value = hn::IfThenZeroElse(hn::Lt(input, hn::Zero(d)), input);  // unlike Max, NaN stays
                if (bits)
                    value = hn::IfThenElseZero(survivors(bits, a.first_lane + p), hn::Mul(value, scale));
                hn::StoreU(value, d, z + p);
            }
        }
    }
}

void hidden_grad(const float* h, float* dh, std::int64_t stride, int rows, std::int64_t columns, float scale,
                 float* sums) {
    const Tag d;
    const Vec factor = hn::Set(d, scale);
    for (int r = 0; r < rows; ++r, h += stride, dh += stride) {
        Vec sum = hn::Zero(d);
        for (std::int64_t p = 0; p < columns; p += kLanes) {
            const Vec live = hn::LoadU(d, h + p);
            const Vec g =
                hn::IfThenElseZero(hn::Gt(live, hn::Zero(d)), hn::Mul(hn::LoadU(d, dh + p), factor));
            hn::StoreU(g, d, dh + p);
            sum = hn::Add(sum, g);
        }
        sums[r] += hn::GetLane(hn::SumOfLanes(d, sum));
    }
}

void transpose(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
               float* to, std::int64_t to_stride) {
    for (std::int64_t c = 0; c < columns; c += 4) {
        for (std::int64_t r = 0; r < rows; r += 4) {
            const float* const f = from + r * from_stride + c;
            float* const t = to + c * to_stride + r;
#if HWY_TARGET == HWY_SCALAR
            for (int i = 0; i < 4; ++i)
                for (int k = 0; k < 4; ++k) t[k * to_stride + i] = f[i * from_stride + k];
#else
            const hn::FixedTag<float, 4> d;
            const auto a0 = hn::LoadU(d, f), a1 = hn::LoadU(d, f + from_stride);
            const auto a2 = hn::LoadU(d, f + 2 * from_stride), a3 = hn::LoadU(d, f + 3 * from_stride);
            const auto low02 = hn::InterleaveLower(d, a0, a2), high02 = hn::InterleaveUpper(d, a0, a2);
            const auto low13 = hn::InterleaveLower(d, a1, a3), high13 = hn::InterleaveUpper(d, a1, a3);
            hn::StoreU(hn::InterleaveLower(d, low02, low13), d, t);
            hn::StoreU(hn::InterleaveUpper(d, low02, low13), d, t + to_stride);
            hn::StoreU(hn::InterleaveLower(d, high02, high13), d, t + 2 * to_stride);
            hn::StoreU(hn::InterleaveUpper(d, high02, high13), d, t + 3 * to_stride);
#endif
        }
    }
}

const TailKernels* table() {
    static constexpr TailKernels kTable{hidden, hidden_grad, cross_entropy, poisson, sigmoids, softplus,
                                        codes,  any_reached, reached,       stream,  transpose};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
REGKIT_KERNELS(TailKernels, tail_kernels, table);
