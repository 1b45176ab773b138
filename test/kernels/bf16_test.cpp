// Products with operands in bf16. What a back end rounds itself, the reference is given rounded: then the two
// agree as closely as in f32.
#include "kernels/cpu/bf16.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/cpu/cpu_backend.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/kernels/tail_case.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr double kF32Tolerance = 1e-5;

Values rounded(Values values) {
    for (double& value : values) value = static_cast<double>(cpu::bf16_rounded(static_cast<float>(value)));
    return values;
}

using Operation = std::function<Values(Run&, const Values& a, const Values& b)>;

// operation(a, b) in bf16, on every instruction set, is operation(rounded a, rounded b) on the reference.
void check_rounding(const std::string& what, std::int64_t a_size, std::int64_t b_size,
                    const Operation& operation) {
    const Values a = random_values(a_size, 1), b = random_values(b_size, 2);
    const auto reference = make_reference_backend();
    Run exact(*reference);
    const Values expected = operation(exact, rounded(a), rounded(b));
    for (const std::string& isa : cpu_isas(Precision::bf16)) {
        CAPTURE(isa);
        const auto backend = make_backend({"cpu", 2, isa, Precision::bf16}).backend;
        Run run(*backend);
        check_close(what, operation(run, a, b), expected, kF32Tolerance);
    }
}

}  // namespace

TEST_CASE("bf16 is the nearest, ties to even") {
    CHECK(cpu::bf16_rounded(1.0f) == 1.0f);
    CHECK(cpu::bf16_rounded(-0.0f) == 0.0f);
    CHECK(std::signbit(cpu::bf16_rounded(-0.0f)));
    CHECK(cpu::bf16_rounded(1.0f + 0x1p-8f) == 1.0f);               // a tie: down to even
    CHECK(cpu::bf16_rounded(1.0f + 0x3p-8f) == 1.0f + 0x2p-7f);     // a tie: up to even
    CHECK(cpu::bf16_rounded(1.0f + 0x1.01p-8f) == 1.0f + 0x1p-7f);  // above the tie
    CHECK(cpu::bf16_rounded(-1.0f - 0x1.01p-8f) == -1.0f - 0x1p-7f);
    CHECK(cpu::bf16_rounded(0x1p-133f) == 0x1p-133f);  // the smallest
    CHECK(cpu::bf16_rounded(0x1p-135f) == 0.0f);
    const float infinity = std::numeric_limits<float>::infinity();
    CHECK(cpu::bf16_rounded(std::numeric_limits<float>::max()) == infinity);
    CHECK(cpu::bf16_rounded(-infinity) == -infinity);
    CHECK(std::isnan(cpu::bf16_rounded(std::numeric_limits<float>::quiet_NaN())));
    CHECK(std::isnan(cpu::bf16_rounded(std::bit_cast<float>(0x7fffffffu))));  // whose rounding would carry
    CHECK(std::isnan(cpu::bf16_rounded(std::bit_cast<float>(0xff800001u))));  // whose bits would be cut
    CHECK(cpu::bf16_word(1.0f, -2.0f) == std::bit_cast<float>(0xc0003f80u));
}

TEST_CASE("bf16: a convolution and its gradients are those of rounded operands") {
    struct Case {
        std::int64_t in, out, length;
        ConvGeometry geometry;
    };
    const Case cases[] = {{1, 1, 1, {1, 1, 1, 0, 0}},        {5, 7, 33, {10, 1, 3, 13, 14}},
                          {6, 13, 1100, {3, 1, 81, 81, 81}}, {3, 4, 53, {4, 3, 2, 0, 0}},
                          {8, 3, 70, {3, 1, 16, 0, 0}},      {5, 2, 64, {5, 1, 1, 0, 4}}};
    for (const Case& c : cases) {
        const std::int64_t batch = 2, out_length = c.geometry.output_length(c.length);
        const Shape x{batch, c.in, c.length}, y{batch, c.out, out_length};
        const std::int64_t weights = c.in * c.out * c.geometry.width;
        check_rounding("conv", x.size(), weights, [&](Run& run, const Values& a, const Values& b) {
            const View to = run.output(y);
            run.backend()(Conv{.x = run.input(x, a, {c.geometry.pad_left, c.geometry.pad_right}),
                               .weight = run.flat(b),
                               .geometry = c.geometry,
                               .y = to});
            return run.read(to);
        });
        check_rounding("conv_grad_input", y.size(), weights, [&](Run& run, const Values& a, const Values& b) {
            const View to = run.output(x);
            run.backend()(ConvGradInput{.dy = run.input(y, a, c.geometry.gradient_halo()),
                                        .weight = run.flat(b),
                                        .geometry = c.geometry,
                                        .dx = to});
            return run.read(to);
        });
        check_rounding(
            "conv_grad_weight", x.size(), y.size(), [&](Run& run, const Values& a, const Values& b) {
                const Slice to = run.zeros(weights);
                run.backend()(
                    ConvGradWeight{.x = run.input(x, a, {c.geometry.pad_left, c.geometry.pad_right}),
                                   .dy = run.input(y, b),
                                   .geometry = c.geometry,
                                   .d_weight = to});
                return run.read(to);
            });
    }
}

TEST_CASE("bf16: the fused tail at inference rounds h and each layer's weights") {
    // One layer: nothing else is rounded.
    const TailCase c{2, 7, 131, 1, 0, {9}, 0, 1};
    check_rounding("logits", c.h().size(), 7 * 9, [&](Run& run, const Values& a, const Values& b) {
        std::vector<float> out(static_cast<std::size_t>(c.batch * 9 * c.length), NAN);
        run.backend()(TailInfer{.h = run.input(c.h(), a),
                                .tail = make_tail(c, run, {b, Values(9, 0.25)}),
                                .begin = 0,
                                .end = c.length,
                                .kind = TailOutput::logits,
                                .out = out});
        return Values(out.begin(), out.end());
    });
}

TEST_CASE("bf16: the fused tail in training rounds h and the weights") {
    const TailCase c{2, 7, 131, 1, 0, {9}, 0, 1};
    const OwnedLabels labels(c);
    check_rounding("loss and gradient of the bias", c.h().size(), 7 * 9,
                   [&](Run& run, const Values& a, const Values& b) {
                       const Slice loss = run.zeros(1);
                       const std::vector<Slice> gradient = Weights(c).zeros(run);
                       run.backend()(TailTrain{.h = run.input(c.h(), a),
                                               .tail = make_tail(c, run, {b, Values(9, 0.25)}),
                                               .labels = labels.labels(),
                                               .how = loss_of(c),
                                               .loss = loss,
                                               .gradient = make_gradient(c, gradient),
                                               .dh = run.output(c.h())});
                       Values values = run.read(gradient.back());  // sums of p - y, which nothing else rounds
                       values.push_back(run.read(loss)[0]);
                       return values;
                   });
}

// No unit is near the corner of its ReLU, so that gradients are close one by one.
TEST_CASE("bf16: tail_train where every unit is active") {
    for (TailCase c : tail_cases()) {
        const OwnedLabels labels(c);
        run_everywhere(
            c.text(),
            [&](Run& run) {
                std::vector<Values> weights;
                for (std::size_t i = 0; i < Weights(c).counts.size(); ++i)
                    weights.push_back(
                        random_values(Weights(c).counts[i], 10 + static_cast<std::uint32_t>(i), 0.01, 0.1));
                const View h = run.input(c.h(), random_values(c.h().size(), 1, 0.5, 1)),
                           dh = run.output(c.h());
                const Slice loss = run.zeros(1);
                const std::vector<Slice> gradient = Weights(c).zeros(run);
                run.backend()(TailTrain{.h = h,
                                        .tail = make_tail(c, run, weights),
                                        .labels = labels.labels(),
                                        .how = loss_of(c),
                                        .loss = loss,
                                        .gradient = make_gradient(c, gradient),
                                        .dh = dh});
                run.keep("loss", loss);
                run.keep("dh", dh);
                for (const Slice& slice : gradient) run.keep("gradient", slice);
            },
            false, c.is_long());
    }
}

TEST_CASE("bf16: NaN reaches the output of a product, and infinities stay") {
    for (const std::string& isa : cpu_isas(Precision::bf16)) {
        CAPTURE(isa);
        const auto backend = make_backend({"cpu", 1, isa, Precision::bf16}).backend;
        Run run(*backend);
        const View y = run.output({1, 1, 40});
        Values x(80, 1.0);
        x[7] = std::numeric_limits<double>::quiet_NaN();
        x[40 + 21] = std::numeric_limits<double>::infinity();
        (*backend)(Conv{
            .x = run.input({1, 2, 40}, x), .weight = run.flat({1, 1}), .geometry = {1, 1, 1, 0, 0}, .y = y});
        const Values got = run.read(y);
        for (std::size_t p = 0; p < 40; ++p) {
            CAPTURE(p);
            if (p == 7)
                CHECK(std::isnan(got[p]));
            else
                CHECK(got[p] == (p == 21 ? x[40 + 21] : 2.0));
        }
    }
}
