// The register tile behind weight gradients and covariances: products of rows, summed over positions.
//
// A tile is kOut rows of dy x kIn rows of x at one tap: kOut + kIn loads feed kOut * kIn multiply-adds whose
// lanes are 16 (8, 4) interleaved partial sums over positions, added up at the end of the range in a fixed
// order. 5 x 5 for AVX-512, 4 x 3 for 16 registers: rows of x are the ones that start anywhere, and a load
// across two cache lines counts twice. The caller keeps ranges short enough (about 1,000 positions) for the
// rows to stay in the first cache while the taps pass over them. An element's order of sums does not depend
// on the tile.
//
// What a word of the rows holds is the Operand (see OuterF32 in outer.cpp). Included by the files that have
// one, after <hwy/highway.h>, once a target.
#if defined(REGKIT_KERNELS_CPU_SIMD_OUTER_INL_HPP) == defined(HWY_TARGET_TOGGLE)  // once a target
#ifdef REGKIT_KERNELS_CPU_SIMD_OUTER_INL_HPP
#undef REGKIT_KERNELS_CPU_SIMD_OUTER_INL_HPP
#else
#define REGKIT_KERNELS_CPU_SIMD_OUTER_INL_HPP
#endif

#include <hwy/highway.h>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

template <class Operand, int kOut, int kIn>
void outer_tile(const OuterArgs& a, int o, int k) {
    const Tag d;
    for (int t = 0; t < a.taps; ++t) {
        const float* HWY_RESTRICT dy = a.dy + o * a.dy_stride;
        const float* HWY_RESTRICT x = a.x + k * a.x_stride;
        const std::int64_t offset = a.offset[t];
        const std::int64_t dy_stride = a.dy_stride, x_stride = a.x_stride;
        Vec sum[kOut][kIn];
        HWY_UNROLL(8)
        for (int q = 0; q < kOut; ++q) HWY_UNROLL(8)
        for (int i = 0; i < kIn; ++i) sum[q][i] = hn::Zero(d);
        const auto step = [&](std::int64_t p) HWY_ATTR {
            HWY_UNROLL(2)
            for (int part = 0; part < Operand::kParts; ++part) {
                Vec value[kIn];
                HWY_UNROLL(8)
                for (int i = 0; i < kIn; ++i)
                    value[i] = Operand::part(Operand::load(x + i * x_stride, offset + p), part);
                HWY_UNROLL(8)
                for (int q = 0; q < kOut; ++q) {
                    const Vec g = Operand::part(Operand::load(dy + q * dy_stride, p), part);
                    HWY_UNROLL(8)
                    for (int i = 0; i < kIn; ++i) sum[q][i] = Operand::multiply_add(g, value[i], sum[q][i]);
                }
            }
        };
        constexpr std::int64_t kStep = Operand::kDepth * kLanes;
        std::int64_t p = a.begin;
        for (; p + (kUnroll - 1) * kStep < a.end; p += kUnroll * kStep) {
            HWY_UNROLL(4)
            for (int u = 0; u < kUnroll; ++u) step(p + u * kStep);
        }
        if constexpr (kUnroll > 1)
            for (; p < a.end; p += kStep) step(p);
        float* const dw = a.dw + o * a.dw_out + k * a.dw_in + t * a.dw_tap;
        HWY_UNROLL(8)
        for (int q = 0; q < kOut; ++q) HWY_UNROLL(8)
        for (int i = 0; i < kIn; ++i)
            dw[q * a.dw_out + i * a.dw_in] += hn::GetLane(hn::SumOfLanes(d, sum[q][i]));
    }
}

template <class Operand, int kOut, int kIn>
void outer_tile_of(int out, int in, const OuterArgs& a, int o, int k) {
    if (out == kOut && in == kIn) return outer_tile<Operand, kOut, kIn>(a, o, k);
    if constexpr (kIn > 1) {
        if (in < kIn) return outer_tile_of<Operand, kOut, kIn - 1>(out, in, a, o, k);
    }
    if constexpr (kOut > 1) outer_tile_of<Operand, kOut - 1, kIn>(out, in, a, o, k);
}

template <class Operand>
void outer_run(const OuterArgs& a) {
    const Blocks outs(a.out, Operand::kOutBlock), ins(a.in, Operand::kInBlock);
    for (int i = 0; i < ins.count; ++i)
        for (int o = 0; o < outs.count; ++o)
            outer_tile_of<Operand, Operand::kOutBlock, Operand::kInBlock>(outs.begin(o + 1) - outs.begin(o),
                                                                          ins.begin(i + 1) - ins.begin(i), a,
                                                                          outs.begin(o), ins.begin(i));
}

template <class Operand>
constexpr OuterKernels outer_kernels_of() {
    return {Operand::kOutBlock, Operand::kInBlock, outer_run<Operand>};
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
