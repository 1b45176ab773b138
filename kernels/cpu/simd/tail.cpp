// What lies between the tail's matrix products: activation, sigmoid, loss, transposition. Columns are
// positions.
//
// With e = exp(-|z|), one division gives the sigmoid, and softplus(z) = max(z, 0) + log(1 + e). The logarithm
// is taken once a lane and row, of the product of all (1 + e), kept as product - 1 so that small e lose
// nothing.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/tail.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include <cmath>

#include "kernels/cpu/kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using TagI = hn::RebindToSigned<Tag>;
using Vec = hn::Vec<Tag>;
constexpr std::int64_t kLanes = static_cast<std::int64_t>(hn::MaxLanes(Tag()));

// exp(x) for x <= 0, relative error below 2e-7; 0 where it would be subnormal, NaN for NaN. Range reduction
// by Cody and Waite's two-part ln 2, then the series to r^7 on |r| <= ln 2 / 2.
HWY_INLINE Vec exp_negative(Vec x) {
    const Tag d;
    const TagI di;
    const Vec n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504f)));
    Vec r = hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x);
    r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), r);
    Vec p = hn::Set(d, 1.0f / 5040);
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 720));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 120));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 24));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f / 6));
    p = hn::MulAdd(p, r, hn::Set(d, 0.5f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
    p = hn::MulAdd(p, r, hn::Set(d, 1.0f));
    const auto exponent = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127)));
    return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.0f)), hn::Mul(p, hn::BitCast(d, exponent)));
}

// 1 / (1 + exp(-z)) from e = exp(-|z|).
HWY_INLINE Vec sigmoid_of(Vec z, Vec e) {
    const Tag d;
    const Vec one = hn::Set(d, 1.0f);
    return hn::Div(hn::IfThenElse(hn::Lt(z, hn::Zero(d)), e, one), hn::Add(one, e));
}

void sigmoid(float* z, std::int64_t n) {
    const Tag d;
    for (std::int64_t p = 0; p < n; p += kLanes) {
        const Vec value = hn::LoadU(d, z + p);
        hn::StoreU(sigmoid_of(value, exp_negative(hn::Neg(hn::Abs(value)))), d, z + p);
    }
}

// log of the product of all (1 + lane), in double precision, where adding a small lane to 1 loses nothing
// that counts.
double log_of_product(const float (&lanes)[kLanes]) {
    double product = 1;
    for (const float lane : lanes) product *= 1 + static_cast<double>(lane);
    return std::log(product);
}

LossSums loss(const LossArgs& a) {
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
            const Vec e = exp_negative(hn::Neg(hn::Abs(z)));
            const Vec s = sigmoid_of(z, e);
            Vec g = s;
            if (a.present) {
                // pos_weight * softplus(-z) = pos_weight * (max(-z, 0) + log(1 + e)) where present
                const Vec y = hn::Mul(hn::LoadU(d, a.present + p), valid), absent = hn::Sub(valid, y);
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
        if (a.present) logs += static_cast<double>(a.pos_weight) * log_of_product(lanes[1]);
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
    static constexpr TailKernels kTable{hidden, hidden_grad, loss, sigmoid, transpose};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace regkit::cpu {
HWY_EXPORT(table);
const TailKernels* tail_kernels() {
    return HWY_DYNAMIC_DISPATCH(table)();
}
}  // namespace regkit::cpu
#endif
