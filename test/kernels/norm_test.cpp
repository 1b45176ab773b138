// Moments, batch norm + ReLU + dropout, running statistics, add.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "kernels/reference/reference_backend.hpp"
#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

const std::vector<Shape> kShapes = {{1, 1, 1},    {1, 1, 2},  {3, 5, 33},  {2, 50, 129},
                                    {1, 17, 250}, {3, 2, 16}, {2, 3, 2100}};

Dropout dropout(float rate, std::uint32_t interleave = 1) {
    Dropout d;
    d.rate = rate;
    d.seed = 0x123456789abcdefull;
    d.step = 77;
    d.layer = 5;
    d.sample = 12;
    d.interleave = interleave;
    return d;
}

// What norm_act is asked to do; every combination is run.
struct Parts {
    bool norm, relu;
    Dropout dropout;
};

std::vector<Parts> all_parts() {
    std::vector<Parts> parts;
    for (const bool norm : {false, true})
        for (const bool relu : {false, true})
            for (const Dropout& d : {dropout(0), dropout(0.1f), dropout(0.5f, 10)})
                parts.push_back({norm, relu, d});
    return parts;
}

// A Norm whose statistics are the batch's own moments of x, as in training.
Norm batch_norm(Run& run, const View& x, const Slice& gamma, const Slice& beta) {
    Norm norm{run.output_flat(x.shape.channels), run.output_flat(x.shape.channels), gamma, beta, 1e-3f};
    run.backend()(Moments{.x = x, .mean = norm.mean, .var = norm.var});
    return norm;
}

}  // namespace

TEST_CASE("moments") {
    for (const Shape& shape : kShapes)
        run_everywhere("moments", [&](Run& run) {
            const View x = run.random(shape, 1, {2, 2});
            const Slice mean = run.output_flat(shape.channels), var = run.output_flat(shape.channels);
            run.backend()(Moments{.x = x, .mean = mean, .var = var});
            run.keep("mean", mean);
            run.keep("var", var);
        });
}

// Training stops at the first value that is not finite; a ReLU that made 0 of it would hide it.
TEST_CASE("NaN passes through every ReLU") {
    const auto check = [](Backend& backend) {
        CAPTURE(backend.description());
        Run run(backend);
        Values values(2 * 40, 1.0);
        values[45] = std::numeric_limits<double>::quiet_NaN();
        const View x = run.input({1, 2, 40}, values), y = run.output({1, 2, 40});
        run.backend()(Conv{.x = x, .weight = run.flat({1, 0, 0, 1}), .relu = true, .y = y});
        CHECK(std::isnan(run.read(y)[45]));
        run.backend()(NormAct{.x = x, .relu = true, .y = y});
        CHECK(std::isnan(run.read(y)[45]));
        Tail tail;
        tail.depth = 2;
        tail.dense[0] = {run.flat({1, 0, 0, 1}), {}, 2, 2, {}};
        tail.dense[1] = {run.flat({1, 1}), {}, 2, 1, {}};
        std::vector<float> out(40);
        run.backend()(TailInfer{
            .h = x, .tail = tail, .begin = 0, .end = 40, .kind = TailOutput::probabilities, .out = out});
        CHECK(std::isnan(out[5]));
        const std::vector<std::int64_t> none = {0, 0};
        const Slice loss = run.zeros(1);
        const TailGradient gradient{{}, {}, {run.zeros(4), run.zeros(2)}, {}};
        run.backend()(TailTrain{.h = x,
                                .tail = tail,
                                .labels = {nullptr, none.data()},
                                .loss = loss,
                                .gradient = gradient,
                                .dh = y});
        CHECK(std::isnan(run.read(loss)[0]));
    };
    check(*make_reference_backend());
    for_each_backend([&](Backend& backend, double) { check(backend); });
}

// A mean far from zero cancels in E[x^2] - E[x]^2: the variance must not be computed that way in fp32.
TEST_CASE("moments of values far from zero") {
    run_everywhere("moments", [&](Run& run) {
        const View x = run.input({2, 3, 401}, random_values(2 * 3 * 401, 1, 99, 101));
        const Slice mean = run.output_flat(3), var = run.output_flat(3);
        run.backend()(Moments{.x = x, .mean = mean, .var = var});
        run.keep("mean", mean);
        run.keep("var", var);
    });
}

TEST_CASE("update_running") {
    run_everywhere("update_running", [&](Run& run) {
        const Slice mean = run.random_flat(19, 1), var = run.random_flat(19, 2, 0, 3);
        const Slice running_mean = run.random_flat(19, 3), running_var = run.random_flat(19, 4, 0, 3);
        run.backend()(UpdateRunning{.mean = mean,
                                    .var = var,
                                    .count = 7,
                                    .momentum = 0.1f,
                                    .running_mean = running_mean,
                                    .running_var = running_var});
        run.keep("mean", running_mean);
        run.keep("var", running_var);
    });
}

TEST_CASE("norm_act") {
    for (const Shape& shape : kShapes)
        for (const Parts& parts : all_parts())
            run_everywhere("norm_act", [&](Run& run) {
                const View x = run.random(shape, 1, {1, 0}), y = run.output(shape);
                const std::int64_t c = shape.channels;
                const Norm norm{run.random_flat(c, 2), run.random_flat(c, 3, 0.1, 2), run.random_flat(c, 4),
                                run.random_flat(c, 5), 1e-3f};
                run.backend()(NormAct{.x = x,
                                      .norm = parts.norm ? &norm : nullptr,
                                      .relu = parts.relu,
                                      .dropout = parts.dropout,
                                      .y = y});
                run.keep("y", y);
            });
}

TEST_CASE("norm_act_grad") {
    for (const Shape& shape : kShapes)
        for (const Parts& parts : all_parts())
            for (const bool in_place : {false, true})
                run_everywhere("norm_act_grad", [&](Run& run) {
                    const std::int64_t c = shape.channels;
                    const View x = run.random(shape, 1), dy = run.random(shape, 2, {3, 5});
                    const View dx = in_place ? dy : run.output(shape);
                    const Norm norm = batch_norm(run, x, run.random_flat(c, 3), run.random_flat(c, 4));
                    const Slice d_gamma = parts.norm ? run.random_flat(c, 5) : Slice{};
                    const Slice d_beta = parts.norm ? run.random_flat(c, 6) : Slice{};
                    run.backend()(NormActGrad{.x = x,
                                              .dy = dy,
                                              .norm = parts.norm ? &norm : nullptr,
                                              .relu = parts.relu,
                                              .dropout = parts.dropout,
                                              .dx = dx,
                                              .d_gamma = d_gamma,
                                              .d_beta = d_beta});
                    run.keep("dx", dx);
                    if (parts.norm) {
                        run.keep("d_gamma", d_gamma);
                        run.keep("d_beta", d_beta);
                    }
                });
}

TEST_CASE("norm_act: gradients by finite differences, through the batch's moments") {
    for (const Shape& shape : {Shape{1, 1, 5}, Shape{3, 4, 9}, Shape{2, 3, 20}})
        for (const Parts& parts : all_parts()) {
            const std::int64_t c = shape.channels;
            std::vector<Values> inputs = {random_values(shape.size(), 1)};
            if (parts.norm) {
                inputs.push_back(random_values(c, 2));
                inputs.push_back(random_values(c, 3));
            }
            check_gradient(
                "norm_act", inputs,
                [&](Run& run, const std::vector<Values>& in) {
                    const View x = run.input(shape, in[0]), y = run.output(shape);
                    std::optional<Norm> norm;
                    if (parts.norm) norm = batch_norm(run, x, run.flat(in[1]), run.flat(in[2]));
                    run.backend()(NormAct{.x = x,
                                          .norm = norm ? &*norm : nullptr,
                                          .relu = parts.relu,
                                          .dropout = parts.dropout,
                                          .y = y});
                    return run.read(y);
                },
                [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                    const View x = run.input(shape, in[0]), dy = run.input(shape, d_outputs),
                               dx = run.output(shape);
                    std::optional<Norm> norm;
                    if (parts.norm) norm = batch_norm(run, x, run.flat(in[1]), run.flat(in[2]));
                    const Slice d_gamma = norm ? run.zeros(c) : Slice{},
                                d_beta = norm ? run.zeros(c) : Slice{};
                    run.backend()(NormActGrad{.x = x,
                                              .dy = dy,
                                              .norm = norm ? &*norm : nullptr,
                                              .relu = parts.relu,
                                              .dropout = parts.dropout,
                                              .dx = dx,
                                              .d_gamma = d_gamma,
                                              .d_beta = d_beta});
                    std::vector<Values> gradients = {run.read(dx)};
                    if (norm) {
                        gradients.push_back(run.read(d_gamma));
                        gradients.push_back(run.read(d_beta));
                    }
                    return gradients;
                });
        }
}

// ---- dropout
// ----------------------------------------------------------------------------------------------------
TEST_CASE("dropout drops about its rate, scales the rest, and changes with every counter") {
    const auto ones = [](Run& run, const Dropout& d) {
        const Shape shape{2, 8, 500};
        const View x = run.input(shape, Values(static_cast<std::size_t>(shape.size()), 1.0)),
                   y = run.output(shape);
        run.backend()(NormAct{.x = x, .dropout = d, .y = y});
        return run.read(y);
    };
    for_each_backend([&](Backend& backend, double) {
        Run run(backend);
        for (const float rate : {0.1f, 0.25f, 0.5f}) {
            const Values y = ones(run, dropout(rate));
            std::int64_t dropped = 0;
            for (const double value : y) {
                const bool is_zero = value == 0;
                const bool is_scaled = std::fabs(value * (1 - rate) - 1) < 1e-4;
                CHECK((is_zero || is_scaled));
                dropped += is_zero ? 1 : 0;
            }
            // Five standard deviations of a binomial.
            const double n = static_cast<double>(y.size());
            CHECK(std::fabs(static_cast<double>(dropped) - n * rate) < 5 * std::sqrt(n * rate * (1 - rate)));
        }
        const Values base = ones(run, dropout(0.5f));
        Dropout other = dropout(0.5f);
        CHECK(ones(run, other) == base);
        other.step += 1;
        CHECK(ones(run, other) != base);
        other = dropout(0.5f);
        other.layer += 1;
        CHECK(ones(run, other) != base);
        other = dropout(0.5f);
        other.seed += 1;
        CHECK(ones(run, other) != base);
        // Sample 1 of a batch that starts at 12 is sample 0 of one that starts at 13.
        other = dropout(0.5f);
        other.sample += 1;
        const Values next = ones(run, other);
        CHECK(Values(next.begin(), next.begin() + 4000) == Values(base.begin() + 4000, base.end()));
    });
}

TEST_CASE("add") {
    for (const Shape& shape : kShapes)
        run_everywhere("add", [&](Run& run) {
            const View x = run.random(shape, 1, {1, 2}), y = run.random(shape, 2, {4, 0});
            run.backend()(Add{.x = x, .y = y});
            run.keep("y", y);
        });
}
