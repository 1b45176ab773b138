// Rows of normalisation, activation and dropout, lanes = positions.
//
// Dropout: one vector of Philox calls yields four words a lane, that is eight draws for positions 16 apart
// (kernels/dropout.hpp), so 128 positions cost 16 lanes of calls. The factors of 128 positions are formed in
// a small array first; everything else is one pass over the row.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/norm.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

using TagU = hn::RebindToUnsigned<Tag>;
using VecU = hn::Vec<TagU>;
using Mask = hn::Mask<Tag>;
constexpr std::int64_t kGroup = 128;  // positions whose draws belong together

// The halves of the 64-bit products of every lane.
HWY_INLINE void multiply(std::uint32_t factor, VecU value, VecU& high, VecU& low) {
    const TagU d;
#if HWY_TARGET == HWY_SCALAR
    const std::uint64_t product = std::uint64_t{factor} * hn::GetLane(value);
    high = hn::Set(d, static_cast<std::uint32_t>(product >> 32));
    low = hn::Set(d, static_cast<std::uint32_t>(product));
#else
    const hn::Repartition<std::uint64_t, TagU> d64;
    const VecU f = hn::Set(d, factor);
    const auto even = hn::MulEven(value, f);
    const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(d64, value))), f);
    high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
    low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
#endif
}

HWY_INLINE void philox(VecU (&c)[4], std::uint32_t k0, std::uint32_t k1) {
    const TagU d;
    for (int round = 0; round < 10; ++round) {
        VecU high0, low0, high1, low1;
        multiply(0xD2511F53u, c[0], high0, low0);
        multiply(0xCD9E8D57u, c[2], high1, low1);
        c[0] = hn::Xor(hn::Xor(high1, c[1]), hn::Set(d, k0));
        c[2] = hn::Xor(hn::Xor(high0, c[3]), hn::Set(d, k1));
        c[1] = low1;
        c[3] = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

// The words of lanes [first, first + kLanes) of a group's sixteen.
HWY_INLINE void draw_words(const DropoutKey& key, std::uint32_t sample, std::int64_t channel,
                           std::int64_t group, std::int64_t first, VecU (&words)[4]) {
    const TagU d;
    words[0] = hn::Iota(d, static_cast<std::uint32_t>(group * 16 + first));
    words[1] = hn::Set(d, static_cast<std::uint32_t>(channel));
    words[2] = hn::Set(d, sample);
    words[3] = hn::Set(d, key.c3);
    philox(words, key.k0, key.k1);
}

// draw >= threshold for the half of `word` that position block v uses; both are below 2^16 + 1, so signed
// order does.
HWY_INLINE Mask survives(VecU word, bool upper, std::uint32_t threshold) {
    const TagU d;
    const hn::RebindToSigned<TagU> di;
    const VecU draw = upper ? hn::ShiftRight<16>(word) : hn::And(word, hn::Set(d, 0xFFFFu));
    const auto limit = hn::Set(di, static_cast<std::int32_t>(threshold) - 1);
    return hn::RebindMask(Tag(), hn::Gt(hn::BitCast(di, draw), limit));
}

void group_factors(const DropoutKey& key, std::uint32_t sample, std::int64_t channel, std::int64_t group,
                   float* HWY_RESTRICT factors) {
    const Tag d;
    const Vec scale = hn::Set(d, key.scale);
    for (std::int64_t first = 0; first < 16; first += kLanes) {
        VecU words[4];
        draw_words(key, sample, channel, group, first, words);
        HWY_UNROLL(4)
        for (int w = 0; w < 4; ++w) {
            hn::StoreU(hn::IfThenElseZero(survives(words[w], false, key.threshold), scale), d,
                       factors + w * 32 + first);
            hn::StoreU(hn::IfThenElseZero(survives(words[w], true, key.threshold), scale), d,
                       factors + w * 32 + 16 + first);
        }
    }
}

void dropout_bits(const DropoutKey& key, std::uint32_t sample, std::int64_t channel, std::int64_t group,
                  std::uint8_t bits[16]) {
    const Tag d;
    std::uint32_t parts[8] = {};
    for (std::int64_t first = 0; first < 16; first += kLanes) {
        VecU words[4];
        draw_words(key, sample, channel, group, first, words);
        for (int v = 0; v < 8; ++v) {
            std::uint8_t raw[8] = {};
            hn::StoreMaskBits(d, survives(words[v / 2], v % 2 != 0, key.threshold), raw);
            const std::uint32_t some = raw[0] | static_cast<std::uint32_t>(raw[1]) << 8;
            parts[v] |= some << first;
        }
    }
    for (int v = 0; v < 8; ++v) {
        bits[2 * v] = static_cast<std::uint8_t>(parts[v]);
        bits[2 * v + 1] = static_cast<std::uint8_t>(parts[v] >> 8);
    }
}

// Factors of positions [begin, begin + 128).
void factors_at(const ActArgs& a, std::int64_t begin, float* factors) {
    begin += a.first_position;
    if (a.interleave <= 1 && begin % kGroup == 0)
        return group_factors(a.key, a.sample, a.channel, begin / kGroup, factors);
    if (a.interleave <= 1) {  // across two groups: a row of samples whose first is not the step's first
        float both[2 * kGroup];
        group_factors(a.key, a.sample, a.channel, begin / kGroup, both);
        group_factors(a.key, a.sample, a.channel, begin / kGroup + 1, both + kGroup);
        for (std::int64_t i = 0; i < kGroup; ++i) factors[i] = both[begin % kGroup + i];
        return;
    }
    const std::int64_t r = a.interleave;
    for (std::int64_t p = begin; p < begin + kGroup; ++p)
        factors[p - begin] = dropout_factor(a.key, a.sample, a.channel * r + p % r, p / r);
}

HWY_INLINE Vec activate(const ActArgs& a, Vec x) {
    const Tag d;
    if (a.affine) x = hn::MulAdd(x, hn::Set(d, a.scale), hn::Set(d, a.shift));
    return a.relu ? hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x) : x;  // unlike Max, NaN stays
}

HWY_INLINE Mask lanes_left(std::int64_t left) {
    return hn::FirstN(Tag(), static_cast<std::size_t>(left < kLanes ? left : kLanes));
}

void act(const ActArgs& a, const float* x, float* y) {
    const Tag d;
    HWY_ALIGN float factors[kGroup];
    for (std::int64_t begin = 0; begin < a.length; begin += kGroup) {
        if (a.drop) factors_at(a, begin, factors);
        const std::int64_t end = begin + kGroup < a.length ? begin + kGroup : a.length;
        for (std::int64_t p = begin; p < end; p += kLanes) {
            Vec value = activate(a, hn::LoadU(d, x + p));
            if (a.drop) value = hn::Mul(value, hn::Load(d, factors + p - begin));
            if (p + kLanes > a.length) value = hn::IfThenElseZero(lanes_left(a.length - p), value);
            hn::StoreU(value, d, y + p);
        }
    }
}

void act_grad(const ActArgs& a, const float* x, const float* dy, float centre, float* g, double sums[2]) {
    const Tag d;
    HWY_ALIGN float factors[kGroup];
    const Vec middle = hn::Set(d, centre);
    Vec total = hn::Zero(d), moment = hn::Zero(d);
    for (std::int64_t begin = 0; begin < a.length; begin += kGroup) {
        if (a.drop) factors_at(a, begin, factors);
        const std::int64_t end = begin + kGroup < a.length ? begin + kGroup : a.length;
        for (std::int64_t p = begin; p < end; p += kLanes) {
            const Vec input = hn::LoadU(d, x + p);
            Vec grad = hn::LoadU(d, dy + p);
            if (a.drop) grad = hn::Mul(grad, hn::Load(d, factors + p - begin));
            if (a.relu) grad = hn::IfThenElseZero(hn::Gt(activate(a, input), hn::Zero(d)), grad);
            if (p + kLanes > a.length) grad = hn::IfThenElseZero(lanes_left(a.length - p), grad);
            hn::StoreU(grad, d, g + p);
            total = hn::Add(total, grad);
            moment = hn::MulAdd(grad, hn::Sub(input, middle), moment);
        }
        if ((begin / kGroup) % 8 == 7 || end == a.length) {  // single-precision sums stay short
            sums[0] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, total)));
            sums[1] += static_cast<double>(hn::GetLane(hn::SumOfLanes(d, moment)));
            total = moment = hn::Zero(d);
        }
    }
}

void centred2(const CentredArgs& a, std::int64_t n, const float* g, const float* x, float* dx) {
    const Tag d;
    const Vec g_factor = hn::Set(d, a.g_factor), g_mean = hn::Set(d, a.g_mean);
    const Vec x_factor = hn::Set(d, a.x_factor), x_mean = hn::Set(d, a.x_mean);
    for (std::int64_t p = 0; p < n; p += kLanes) {
        const Vec from_g = hn::Mul(g_factor, hn::Sub(hn::LoadU(d, g + p), g_mean));
        Vec value = hn::MulAdd(x_factor, hn::Sub(hn::LoadU(d, x + p), x_mean), from_g);
        if (p + kLanes > n) value = hn::IfThenElseZero(lanes_left(n - p), value);
        hn::StoreU(value, d, dx + p);
    }
}

RowMoments moments(const float* x, std::int64_t n) {
    const Tag d;
    Vec sum = hn::Zero(d);
    for (std::int64_t p = 0; p < n; p += kLanes) {
        Vec value = hn::LoadU(d, x + p);
        if (p + kLanes > n) value = hn::IfThenElseZero(lanes_left(n - p), value);
        sum = hn::Add(sum, value);
    }
    const double mean = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, sum))) / static_cast<double>(n);
    const Vec middle = hn::Set(d, static_cast<float>(mean));
    Vec first = hn::Zero(d), second = hn::Zero(d);  // the mean in single precision is off by `first` / n
    for (std::int64_t p = 0; p < n; p += kLanes) {
        Vec value = hn::Sub(hn::LoadU(d, x + p), middle);
        if (p + kLanes > n) value = hn::IfThenElseZero(lanes_left(n - p), value);
        first = hn::Add(first, value);
        second = hn::MulAdd(value, value, second);
    }
    const double rest = static_cast<double>(hn::GetLane(hn::SumOfLanes(d, first)));
    const double shift = rest / static_cast<double>(n);
    return {static_cast<double>(static_cast<float>(mean)) + shift,
            static_cast<double>(hn::GetLane(hn::SumOfLanes(d, second))) - rest * shift};
}

const NormKernels* table() {
    static constexpr NormKernels kTable{moments, act, act_grad, centred2, dropout_bits};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
REGKIT_KERNELS(NormKernels, norm_kernels, table);
