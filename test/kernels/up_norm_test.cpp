// Batch norm folded into the tail's up-convolution.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

// ------------------------------------------------------------------
namespace {

struct FoldCase {
    std::int64_t batch, length;
    int in, out, stride;
    bool bias;

    Shape h() const { return {batch, in, length}; }
    Shape u() const { return {batch, out, length * stride}; }
    std::int64_t weights() const { return std::int64_t{in} * out * stride; }
};

const std::vector<FoldCase> kFoldCases = {
    {1, 2, 1, 1, 1, true},    {3, 17, 6, 5, 4, true},  {2, 41, 13, 7, 10, false}, {1, 250, 50, 50, 10, true},
    {3, 16, 3, 17, 20, true}, {2, 1100, 6, 5, 3, true}};  // rows that are cut into ranges

struct Fold {
    UpNorm norm;
    UpNormState state;
    Slice weight, bias;

    Fold(Run& run, const FoldCase& c, const std::vector<Values>& in, const View& h) {
        norm = {run.flat(in[1]),
                c.bias ? run.flat(in[2]) : Slice{},
                run.flat(in[3]),
                run.flat(in[4]),
                c.in,
                c.out,
                c.stride,
                1e-3f};
        state = {run.output_flat(c.in), run.output_flat(std::int64_t{c.in} * c.in), run.output_flat(c.out),
                 run.output_flat(c.out)};
        weight = run.output_flat(c.weights());
        bias = run.output_flat(c.out);
        run.backend()(
            FoldUpNorm{.h = h, .norm = norm, .state = state, .folded_weight = weight, .folded_bias = bias});
    }
};

// h, weight, bias, gamma, beta
std::vector<Values> fold_inputs(const FoldCase& c) {
    return {random_values(c.h().size(), 1, 0, 2), random_values(c.weights(), 2), random_values(c.out, 3),
            random_values(c.out, 4, 0.5, 1.5), random_values(c.out, 5)};
}

}  // namespace

TEST_CASE("fold_up_norm") {
    for (const FoldCase& c : kFoldCases)
        run_everywhere("fold_up_norm", [&](Run& run) {
            const auto in = fold_inputs(c);
            const Fold fold(run, c, in, run.input(c.h(), in[0]));
            run.keep("folded weight", fold.weight);
            run.keep("folded bias", fold.bias);
            run.keep("input mean", fold.state.input_mean);
            run.keep("input covariance", fold.state.input_covariance);
            run.keep("mean", fold.state.mean);
            run.keep("var", fold.state.var);
        });
}

TEST_CASE("fold_up_norm_grad") {
    for (const FoldCase& c : kFoldCases)
        run_everywhere("fold_up_norm_grad", [&](Run& run) {
            const auto in = fold_inputs(c);
            const View h = run.input(c.h(), in[0]), dh = run.random(c.h(), 6, {2, 3});
            const Fold fold(run, c, in, h);
            const Slice d_weight = run.random_flat(c.weights(), 7);
            const Slice d_bias = c.bias ? run.random_flat(c.out, 8) : Slice{};
            const Slice d_gamma = run.random_flat(c.out, 9), d_beta = run.random_flat(c.out, 10);
            run.backend()(FoldUpNormGrad{.h = h,
                                         .norm = fold.norm,
                                         .state = fold.state,
                                         .d_folded_weight = run.random_flat(c.weights(), 11),
                                         .d_folded_bias = run.random_flat(c.out, 12),
                                         .d_weight = d_weight,
                                         .d_bias = d_bias,
                                         .d_gamma = d_gamma,
                                         .d_beta = d_beta,
                                         .dh = dh});
            run.keep("dh", dh);
            run.keep("d_weight", d_weight);
            if (c.bias) run.keep("d_bias", d_bias);
            run.keep("d_gamma", d_gamma);
            run.keep("d_beta", d_beta);
        });
}

// Up-convolution, then batch norm with the batch's own moments: the same outputs, statistics and gradients.
TEST_CASE("fold_up_norm equals plain batch norm behind the up-convolution in training") {
    for (const FoldCase& c : kFoldCases) {
        const auto in = fold_inputs(c);
        run_everywhere("fold against batch norm", [&](Run& run) {
            Backend& backend = run.backend();
            const View h = run.input(c.h(), in[0]), dy = run.random(c.u(), 20);
            const Fold fold(run, c, in, h);
            const View folded = run.output(c.u()), u = run.output(c.u()), y = run.output(c.u());
            backend(
                UpConv{.x = h, .weight = fold.weight, .bias = fold.bias, .stride = c.stride, .y = folded});
            backend(UpConv{
                .x = h, .weight = fold.norm.weight, .bias = fold.norm.bias, .stride = c.stride, .y = u});
            const Norm norm{run.output_flat(c.out), run.output_flat(c.out), fold.norm.gamma, fold.norm.beta,
                            1e-3f};
            backend(Moments{.x = u, .mean = norm.mean, .var = norm.var});
            backend(NormAct{.x = u, .norm = &norm, .y = y});

            const auto gradient = [&] {
                return std::vector{run.zeros(c.weights()), c.bias ? run.zeros(c.out) : Slice{},
                                   run.zeros(c.out), run.zeros(c.out)};
            };
            const auto by_fold = gradient(), by_norm = gradient();
            const View dh_fold = run.output(c.h()), dh_norm = run.output(c.h()), du = run.output(c.u());
            const Slice d_weight = run.zeros(c.weights()), d_bias = run.zeros(c.out);
            backend(UpConvGradWeight{
                .x = h, .dy = dy, .stride = c.stride, .d_weight = d_weight, .d_bias = d_bias});
            backend(UpConvGradInput{.dy = dy, .weight = fold.weight, .stride = c.stride, .dx = dh_fold});
            backend(FoldUpNormGrad{.h = h,
                                   .norm = fold.norm,
                                   .state = fold.state,
                                   .d_folded_weight = d_weight,
                                   .d_folded_bias = d_bias,
                                   .d_weight = by_fold[0],
                                   .d_bias = by_fold[1],
                                   .d_gamma = by_fold[2],
                                   .d_beta = by_fold[3],
                                   .dh = dh_fold});
            backend(NormActGrad{
                .x = u, .dy = dy, .norm = &norm, .dx = du, .d_gamma = by_norm[2], .d_beta = by_norm[3]});
            backend(UpConvGradWeight{
                .x = h, .dy = du, .stride = c.stride, .d_weight = by_norm[0], .d_bias = by_norm[1]});
            backend(UpConvGradInput{.dy = du, .weight = fold.norm.weight, .stride = c.stride, .dx = dh_norm});

            const bool is_double = std::string(backend.name()) == "reference";
            const double tolerance = is_double ? 1e-11 : 1e-4;
            check_same(run, "mean", run.read(fold.state.mean), run.read(norm.mean), tolerance);
            check_same(run, "var", run.read(fold.state.var), run.read(norm.var), tolerance);
            check_same(run, "y", run.read(folded), run.read(y), tolerance);
            check_same(run, "dh", run.read(dh_fold), run.read(dh_norm), tolerance);
            for (const std::size_t i : {0u, 2u, 3u})
                check_same(run, "gradient", run.read(by_fold[i]), run.read(by_norm[i]), tolerance);
            run.keep("y", folded);
            // The bias's gradient is zero in exact arithmetic; what is left of it must be small beside its
            // terms.
            if (c.bias)
                for (const double value : run.read(by_fold[1])) CHECK(std::fabs(value) <= tolerance * 100);
        });
    }
}

// u = w * (a + b - c) with c = a + b: the covariance's rounding must not turn into a negative variance.
TEST_CASE("fold_up_norm of outputs without variance is finite") {
    const FoldCase c{1, 100, 3, 64, 1, true};
    auto in = fold_inputs(c);
    for (std::size_t p = 0; p < 100; ++p) {
        in[0][p] = 1e4 * in[0][p];
        in[0][100 + p] = 1e4 * in[0][100 + p];
        in[0][200 + p] = in[0][p] + in[0][100 + p];
    }
    for (std::size_t o = 0; o < 64; ++o) {
        in[1][64 + o] = in[1][o];
        in[1][128 + o] = -in[1][o];
    }
    for_each_backend([&](Backend& backend, double) {
        Run run(backend);
        const Fold fold(run, c, in, run.input(c.h(), in[0]));
        for (const Slice& slice : {fold.state.var, fold.weight, fold.bias})
            for (const double value : run.read(slice)) {
                CHECK(std::isfinite(value));
                if (slice.data == fold.state.var.data) CHECK(value >= 0);
            }
    });
}
