// The register tile behind weight gradients and covariances: products of rows, summed over positions.
//
// A tile is kOut rows of dy x kIn rows of x at one tap: kOut + kIn loads feed kOut * kIn multiply-adds whose
// lanes are 16 (8, 4) interleaved partial sums over positions, added up at the end of the range in a fixed
// order. 5 x 5 for AVX-512, 4 x 3 for 16 registers: rows of x are the ones that start anywhere, and a load
// across two cache lines counts twice. The caller keeps ranges short enough (about 1,000 positions) for the
// rows to stay in the first cache while the taps pass over them. An element's order of sums does not depend
// on the tile.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/outer.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include "kernels/cpu/kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Tag = hn::CappedTag<float, 16>;
using Vec = hn::Vec<Tag>;
constexpr std::int64_t kLanes = static_cast<std::int64_t>(hn::MaxLanes(Tag()));
constexpr int kOutBlock = HWY_TARGET <= HWY_AVX3 ? 5 : 4;
constexpr int kInBlock = HWY_TARGET <= HWY_AVX3 ? 5 : 3;

template <int kOut, int kIn>
void tile(const OuterArgs& a, int o, int k) {
    const Tag d;
    for (int t = 0; t < a.taps; ++t) {
        const float* HWY_RESTRICT dy = a.dy + o * a.dy_stride;
        const float* HWY_RESTRICT x = a.x + k * a.x_stride + a.offset[t];
        const std::int64_t dy_stride = a.dy_stride, x_stride = a.x_stride;
        Vec sum[kOut][kIn];
        HWY_UNROLL(8)
        for (int q = 0; q < kOut; ++q) HWY_UNROLL(8)
        for (int i = 0; i < kIn; ++i) sum[q][i] = hn::Zero(d);
        for (std::int64_t p = a.begin; p < a.end; p += kLanes) {
            Vec value[kIn];
            HWY_UNROLL(8)
            for (int i = 0; i < kIn; ++i) value[i] = hn::LoadU(d, x + i * x_stride + p);
            HWY_UNROLL(8)
            for (int q = 0; q < kOut; ++q) {
                const Vec g = hn::LoadU(d, dy + q * dy_stride + p);
                HWY_UNROLL(8)
                for (int i = 0; i < kIn; ++i) sum[q][i] = hn::MulAdd(g, value[i], sum[q][i]);
            }
        }
        float* const dw = a.dw + o * a.dw_out + k * a.dw_in + t * a.dw_tap;
        HWY_UNROLL(8)
        for (int q = 0; q < kOut; ++q) HWY_UNROLL(8)
        for (int i = 0; i < kIn; ++i)
            dw[q * a.dw_out + i * a.dw_in] += hn::GetLane(hn::SumOfLanes(d, sum[q][i]));
    }
}

template <int kOut, int kIn>
void tile_of(int out, int in, const OuterArgs& a, int o, int k) {
    if (out == kOut && in == kIn) return tile<kOut, kIn>(a, o, k);
    if constexpr (kIn > 1) {
        if (in < kIn) return tile_of<kOut, kIn - 1>(out, in, a, o, k);
    }
    if constexpr (kOut > 1) tile_of<kOut - 1, kIn>(out, in, a, o, k);
}

void run(const OuterArgs& a) {
    const Blocks outs(a.out, kOutBlock), ins(a.in, kInBlock);
    for (int i = 0; i < ins.count; ++i)
        for (int o = 0; o < outs.count; ++o)
            tile_of<kOutBlock, kInBlock>(outs.begin(o + 1) - outs.begin(o), ins.begin(i + 1) - ins.begin(i),
                                         a, outs.begin(o), ins.begin(i));
}

const OuterKernels* table() {
    static constexpr OuterKernels kTable{run};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace regkit::cpu {
HWY_EXPORT(table);
const OuterKernels* outer_kernels() {
    return HWY_DYNAMIC_DISPATCH(table)();
}
}  // namespace regkit::cpu
#endif
