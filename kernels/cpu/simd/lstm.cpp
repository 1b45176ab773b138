// One step of an LSTM and of its gradient after the recurrent product: lanes are units, rows are samples.
//
// A row of gates holds i, f, g, o, `units` floats each, which is a multiple of 16: there are no tails. Per
// vector of units the forward step costs three sigmoids and two tanh, each one exp and one division
// (exp-inl.hpp); the gradient costs one tanh.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/lstm.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/simd/exp-inl.hpp"
#include "kernels/cpu/simd/lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace regkit::cpu::HWY_NAMESPACE {
namespace {

void cell(const CellArgs& a, float* gates, const float* before, float* cell, float* hidden) {
    const Tag d;
    const std::int64_t n = a.units;
    for (int r = 0; r < a.rows; ++r, gates += 4 * n, before += n, cell += n, hidden += n)
        for (std::int64_t u = 0; u < n; u += kLanes) {
            const Vec i = sigmoid(d, hn::LoadU(d, gates + u)), f = sigmoid(d, hn::LoadU(d, gates + n + u));
            const Vec g = tanh(d, hn::LoadU(d, gates + 2 * n + u)),
                      o = sigmoid(d, hn::LoadU(d, gates + 3 * n + u));
            const Vec c = hn::MulAdd(f, hn::LoadU(d, before + u), hn::Mul(i, g));
            hn::StoreU(i, d, gates + u);
            hn::StoreU(f, d, gates + n + u);
            hn::StoreU(g, d, gates + 2 * n + u);
            hn::StoreU(o, d, gates + 3 * n + u);
            hn::StoreU(c, d, cell + u);
            hn::StoreU(hn::Mul(o, tanh(d, c)), d, hidden + u);
        }
}

void cell_grad(const CellArgs& a, float* gates, const float* before, const float* cell, const float* d_hidden,
               float* d_cell) {
    const Tag d;
    const std::int64_t n = a.units;
    const Vec one = hn::Set(d, 1.0f);
    for (int r = 0; r < a.rows; ++r, gates += 4 * n, before += n, cell += n, d_hidden += n, d_cell += n)
        for (std::int64_t u = 0; u < n; u += kLanes) {
            const Vec i = hn::LoadU(d, gates + u), f = hn::LoadU(d, gates + n + u);
            const Vec g = hn::LoadU(d, gates + 2 * n + u), o = hn::LoadU(d, gates + 3 * n + u);
            const Vec squashed = tanh(d, hn::LoadU(d, cell + u)), dh = hn::LoadU(d, d_hidden + u);
            // h = o * tanh(c)
            const Vec slope = hn::Mul(o, hn::NegMulAdd(squashed, squashed, one));
            const Vec dc = hn::MulAdd(dh, slope, hn::LoadU(d, d_cell + u));
            // sigmoid' = s * (1 - s), tanh' = 1 - g^2
            const Vec d_o = hn::Mul(hn::Mul(dh, squashed), hn::Mul(o, hn::Sub(one, o)));
            const Vec d_i = hn::Mul(hn::Mul(dc, g), hn::Mul(i, hn::Sub(one, i)));
            const Vec d_f = hn::Mul(hn::Mul(dc, hn::LoadU(d, before + u)), hn::Mul(f, hn::Sub(one, f)));
            const Vec d_g = hn::Mul(hn::Mul(dc, i), hn::NegMulAdd(g, g, one));
            hn::StoreU(d_i, d, gates + u);
            hn::StoreU(d_f, d, gates + n + u);
            hn::StoreU(d_g, d, gates + 2 * n + u);
            hn::StoreU(d_o, d, gates + 3 * n + u);
            hn::StoreU(hn::Mul(dc, f), d, d_cell + u);
        }
}

const LstmKernels* table() {
    static constexpr LstmKernels kTable{cell, cell_grad};
    return &kTable;
}

}  // namespace
}  // namespace regkit::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
REGKIT_KERNELS(LstmKernels, lstm_kernels, table);
