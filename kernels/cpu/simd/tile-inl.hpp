// The register tile behind every matrix product of the back end: convolution, its input gradient, the dense
// layers and all products of the fused tail.
//
// A tile is kOut output channels x kVec vectors of positions, held in registers while taps and inputs pass
// by: per (tap, row of x) kVec unaligned loads at position + offset[tap], kOut broadcast weights, kOut * kVec
// multiply-adds. 10 x 2 fills the 32 registers of AVX-512 (20 sums), 6 x 2 the 16 of the older sets (12
// sums); both keep the multiply-add units busy through their latency. kUnroll rows pass a turn of the loop.
// Outputs are cut into equal blocks of at most kOut, so 50 channels cost 50. Each element is one chain of
// sums (bias, then taps, then inputs), whatever the tile it falls in; with `resume` the chain goes on from an
// earlier call.
//
// What a word of x and a weight hold, and how they are multiplied, is the Operand: see F32 in tile.cpp.
// Included by the files that have an Operand, after <hwy/highway.h>, once a target.
#if defined(REGKIT_KERNELS_CPU_SIMD_TILE_INL_HPP) == defined(HWY_TARGET_TOGGLE)  // once a target
#ifdef REGKIT_KERNELS_CPU_SIMD_TILE_INL_HPP
#undef REGKIT_KERNELS_CPU_SIMD_TILE_INL_HPP
#else
#define REGKIT_KERNELS_CPU_SIMD_TILE_INL_HPP
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

template <int kOut, int kVec>
HWY_INLINE void finish(const TileArgs& a, int first, std::int64_t p, Vec (&sum)[kOut][kVec]) {
    const Tag d;
    if (!a.relu && a.valid - p >= kVec * kLanes) {  // nothing to ask of each vector
        float* y = a.y + first * a.y_stride + p;
        const std::int64_t y_stride = a.y_stride;
        if (a.accumulate) {
            HWY_UNROLL(16)
            for (int q = 0; q < kOut; ++q, y += y_stride) {
                HWY_UNROLL(2)
                for (int v = 0; v < kVec; ++v)
                    hn::StoreU(hn::Add(hn::LoadU(d, y + v * kLanes), sum[q][v]), d, y + v * kLanes);
            }
        } else {
            HWY_UNROLL(16)
            for (int q = 0; q < kOut; ++q, y += y_stride) {
                HWY_UNROLL(2)
                for (int v = 0; v < kVec; ++v) hn::StoreU(sum[q][v], d, y + v * kLanes);
            }
        }
        return;
    }
    HWY_UNROLL(16)
    for (int q = 0; q < kOut; ++q) {
        float* const y = a.y + (first + q) * a.y_stride + p;
        HWY_UNROLL(2)
        for (int v = 0; v < kVec; ++v) {
            Vec value = sum[q][v];
            if (a.relu)
                value = hn::IfThenZeroElse(hn::Lt(value, hn::Zero(d)), value);  // unlike Max, NaN stays
            const std::int64_t left = a.valid - p - v * kLanes;
            if (left < kLanes)
                value =
                    hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(left < 0 ? 0 : left)), value);
            if (a.accumulate) value = hn::Add(hn::LoadU(d, y + v * kLanes), value);
            hn::StoreU(value, d, y + v * kLanes);
        }
    }
}

template <class Operand, int kOut, int kVec, bool kPacked>
HWY_INLINE void tile(const TileArgs& a, const float* HWY_RESTRICT w, int first, std::int64_t p) {
    const Tag d;
    if (a.accumulate) {  // what finish() will add to
        HWY_UNROLL(16)
        for (int q = 0; q < kOut; ++q) hwy::Prefetch(a.y + (first + q) * a.y_stride + p);
    }
    Vec sum[kOut][kVec];
    HWY_UNROLL(16)
    for (int q = 0; q < kOut; ++q) {
        const Vec start = a.bias ? hn::Set(d, a.bias[first + q]) : hn::Zero(d);
        const float* const y = a.y + (first + q) * a.y_stride + p;
        HWY_UNROLL(2)
        for (int v = 0; v < kVec; ++v) sum[q][v] = a.resume ? hn::LoadU(d, y + v * kLanes) : start;
    }
    const int in = a.in;
    const std::int64_t x_stride = a.x_stride, w_stride = a.w_stride;
    const auto step = [&sum, w_stride](const float* HWY_RESTRICT x, const float* HWY_RESTRICT w) HWY_ATTR {
        HWY_UNROLL(2)
        for (int part = 0; part < Operand::kParts; ++part) {
            Vec value[kVec];
            HWY_UNROLL(2)
            for (int v = 0; v < kVec; ++v) value[v] = Operand::part(hn::LoadU(Tag(), x + v * kLanes), part);
            HWY_UNROLL(16)
            for (int q = 0; q < kOut; ++q) {
                const Vec weight =
                    kPacked ? hn::Set(Tag(), w[part * kOut + q]) : Operand::weight(w + q * w_stride, part);
                HWY_UNROLL(2)
                for (int v = 0; v < kVec; ++v) sum[q][v] = Operand::multiply_add(weight, value[v], sum[q][v]);
            }
        }
    };
    constexpr int kStep = kPacked ? Operand::kParts * kOut : 1;  // from one row's weights to the next row's
    for (int t = 0; t < a.taps; ++t) {
        const float* HWY_RESTRICT x = a.x + a.offset[t] + p;
        int k = 0;
        for (; k + kUnroll <= in; k += kUnroll) {
            HWY_UNROLL(4)
            for (int u = 0; u < kUnroll; ++u, x += x_stride) {
                step(x, w + u * kStep);
            }
            w += kUnroll * kStep;
        }
        if constexpr (kUnroll > 1)
            for (; k < in; ++k, x += x_stride, w += kStep) step(x, w);
    }
    finish<kOut, kVec>(a, first, p, sum);
}

// Positions [begin, end) of one block.
template <class Operand, int kOut, bool kPacked>
void block(const TileArgs& a, const float* w, int first, std::int64_t begin, std::int64_t end) {
    std::int64_t p = begin;
    for (; p + kLanes < end; p += 2 * kLanes) tile<Operand, kOut, 2, kPacked>(a, w, first, p);
    if (p < end) tile<Operand, kOut, 1, kPacked>(a, w, first, p);
}

template <class Operand, int kOut, bool kPacked>
void block_of(int size, const TileArgs& a, const float* w, int first, std::int64_t begin, std::int64_t end) {
    if (size == kOut) return block<Operand, kOut, kPacked>(a, w, first, begin, end);
    if constexpr (kOut > 1) block_of<Operand, kOut - 1, kPacked>(size, a, w, first, begin, end);
}

// With taps, a block's weights stay in the first cache while positions pass; without, it is the columns of x
// that stay while the blocks pass, since they are the larger.
template <class Operand>
void run(const TileArgs& a, int first, int last) {
    const Blocks blocks(a.out, Operand::kBlock);
    const std::int64_t step = a.taps > 1 ? a.end - a.begin : 2 * kLanes;
    for (std::int64_t p = a.begin; p < a.end; p += step) {
        const std::int64_t end = p + step < a.end ? p + step : a.end;
        for (int b = first; b < last; ++b) {
            const int begin = blocks.begin(b), size = blocks.begin(b + 1) - begin;
            if (a.w_stride > 0)
                block_of<Operand, Operand::kBlock, false>(size, a, a.w + begin * a.w_stride, begin, p, end);
            else
                block_of<Operand, Operand::kBlock, true>(
                    size, a, a.w + static_cast<std::int64_t>(begin) * a.taps * a.in * Operand::kParts, begin,
                    p, end);
        }
    }
}

template <class Operand>
void pack(const float* w, std::int64_t so, std::int64_t st, std::int64_t sk, int out, int taps, int in,
          int first, int last, float* packed) {
    const Blocks blocks(out, Operand::kBlock);
    const int rows = (in + Operand::kDepth - 1) / Operand::kDepth;
    for (int b = first; b < last; ++b) {
        const int begin = blocks.begin(b), end = blocks.begin(b + 1);
        float* to = packed + static_cast<std::int64_t>(begin) * taps * rows * Operand::kParts;
        for (int t = 0; t < taps; ++t)
            for (int k = 0; k < in; k += Operand::kDepth)
                for (int part = 0; part < Operand::kParts; ++part)
                    for (int o = begin; o < end; ++o) {
                        const float* const from = w + o * so + t * st + k * sk;
                        const bool alone = Operand::kDepth == 1 || k + 1 == in;
                        *to++ = Operand::packed(*from, alone ? 0.0f : from[sk], part);
                    }
    }
}

template <class Operand>
void gather(const TileArgs& a, std::int64_t p, float* HWY_RESTRICT to) {
    const Tag d;
    for (int t = 0; t < a.taps; ++t) {
        const float* HWY_RESTRICT x = a.x + a.offset[t] + p;
        for (int k = 0; k < a.in; ++k, x += a.x_stride, to += 2 * kLanes) {
            hn::Store(hn::LoadU(d, x), d, to);
            hn::Store(hn::LoadU(d, x + kLanes), d, to + kLanes);
        }
    }
}

template <class Operand>
constexpr TileKernels tile_kernels_of() {
    return {Operand::kBlock, static_cast<int>(2 * kLanes),
            Operand::kDepth, Operand::kParts,
            pack<Operand>,   run<Operand>,
            gather<Operand>};
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
