// A dense layer over all channels and positions of a window, and its gradients.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "kernels/base/error.hpp"
#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

struct FlatCase {
    std::int64_t batch, in, length, out;

    Shape x() const { return {batch, in, length}; }
    Shape y() const { return {1, out, batch}; }
    std::int64_t weights() const { return out * in * length; }
    bool large() const { return weights() * batch > 200000; }
    std::string text() const {
        std::ostringstream text;
        text << "flat_dense: batch " << batch << ", " << in << " channels, length " << length << " -> "
             << out;
        return text.str();
    }
};

const std::vector<FlatCase> kCases = {
    {1, 1, 1, 1},   {3, 1, 1, 2},    {1, 1, 7, 1},    {3, 5, 7, 4},    {1, 3, 33, 17},  {17, 1, 5, 3},
    {2, 16, 16, 8}, {33, 4, 19, 65}, {5, 50, 13, 37}, {3, 60, 62, 91}, {2, 3, 50, 600}, {2, 1, 13000, 7},
};

ConvGeometry whole_row(const FlatCase& c) {
    return {static_cast<int>(c.length), 1, 1, 0, 0};
}

// [batch][out] of (1, out, batch).
Values by_sample(const FlatCase& c, const Values& y) {
    Values turned;
    for (std::int64_t s = 0; s < c.batch; ++s)
        for (std::int64_t o = 0; o < c.out; ++o)
            turned.push_back(y[static_cast<std::size_t>(o * c.batch + s)]);
    return turned;
}

Values slice_of(const Values& values, std::int64_t begin, std::int64_t count) {
    return {values.begin() + begin, values.begin() + begin + count};
}

}  // namespace

TEST_CASE("flat_dense") {
    for (const FlatCase& c : kCases)
        for (const bool with_bias : {false, true})
            run_everywhere(
                c.text(),
                [&](Run& run) {
                    const View y = run.output(c.y());
                    const Slice bias = with_bias ? run.random_flat(c.out, 3) : Slice{};
                    run.backend()(FlatDense{.x = run.random(c.x(), 1, {1, 2}),
                                            .weight = run.random_flat(c.weights(), 2),
                                            .bias = bias,
                                            .relu = with_bias,
                                            .y = y});
                    run.keep("y", y);
                },
                false, c.large());
}

TEST_CASE("flat_dense_grad_input") {
    for (const FlatCase& c : kCases)
        for (const bool accumulate : {false, true})
            run_everywhere(
                c.text(),
                [&](Run& run) {
                    const View dy = run.random(c.y(), 1, {1, 3});
                    const View dx = accumulate ? run.random(c.x(), 4, {2, 1}) : run.output(c.x());
                    run.backend()(FlatDenseGradInput{.dy = dy,
                                                     .weight = run.random_flat(c.weights(), 2),
                                                     .accumulate = accumulate,
                                                     .dx = dx});
                    run.keep("dx", dx);
                },
                false, c.large());
}

TEST_CASE("flat_dense_grad_weight") {
    for (const FlatCase& c : kCases)
        for (const bool with_bias : {false, true})
            run_everywhere(
                c.text(),
                [&](Run& run) {
                    const Slice d_weight = run.random_flat(c.weights(), 3);  // gradients are added
                    const Slice d_bias = with_bias ? run.random_flat(c.out, 4) : Slice{};
                    run.backend()(FlatDenseGradWeight{.x = run.random(c.x(), 1, {1, 2}),
                                                      .dy = run.random(c.y(), 2, {2, 1}),
                                                      .d_weight = d_weight,
                                                      .d_bias = d_bias});
                    run.keep("d_weight", d_weight);
                    if (with_bias) run.keep("d_bias", d_bias);
                },
                false, c.large());
}

TEST_CASE("flat_dense: gradients by finite differences") {
    for (const FlatCase& c : kCases) {
        if (c.weights() > 2000) continue;
        check_gradient(
            c.text(),
            {random_values(c.x().size(), 1), random_values(c.weights(), 2), random_values(c.out, 3)},
            [&](Run& run, const std::vector<Values>& in) {
                const View y = run.output(c.y());
                run.backend()(FlatDense{.x = run.input(c.x(), in[0]),
                                        .weight = run.flat(in[1]),
                                        .bias = run.flat(in[2]),
                                        .y = y});
                return run.read(y);
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const View x = run.input(c.x(), in[0]), dy = run.input(c.y(), d_outputs);
                const View dx = run.output(c.x());
                const Slice d_weight = run.zeros(c.weights()), d_bias = run.zeros(c.out);
                run.backend()(FlatDenseGradInput{.dy = dy, .weight = run.flat(in[1]), .dx = dx});
                run.backend()(FlatDenseGradWeight{.x = x, .dy = dy, .d_weight = d_weight, .d_bias = d_bias});
                return std::vector{run.read(dx), run.read(d_weight), run.read(d_bias)};
            });
    }
}

// The same layer as a convolution as wide as its row.
TEST_CASE("flat_dense is a convolution of full width") {
    for (const FlatCase& c : kCases)
        run_everywhere(
            c.text(),
            [&](Run& run) {
                const View x = run.random(c.x(), 1), y = run.output(c.y()),
                           conv = run.output({c.batch, c.out, 1});
                const Slice weight = run.random_flat(c.weights(), 2), bias = run.random_flat(c.out, 3);
                run.backend()(FlatDense{.x = x, .weight = weight, .bias = bias, .relu = true, .y = y});
                run.backend()(Conv{.x = x,
                                   .weight = weight,
                                   .bias = bias,
                                   .geometry = whole_row(c),
                                   .relu = true,
                                   .y = conv});
                check_same(run, "y", by_sample(c, run.read(y)), run.read(conv), 2e-5);
                run.keep("y", y);
            },
            false, c.large());
}

TEST_CASE("flat_dense: a window alone gives the same bits as in a batch") {
    for (const FlatCase& c : {FlatCase{3, 5, 7, 4}, FlatCase{33, 4, 19, 65}, FlatCase{5, 50, 13, 37}})
        for_each_backend([&](Backend& backend, double) {
            CAPTURE(c.text());
            Run run(backend);
            const FlatCase one{1, c.in, c.length, c.out};
            const Values x = random_values(c.x().size(), 1), dy = random_values(c.out * c.batch, 5);
            const Slice weight = run.random_flat(c.weights(), 2), bias = run.random_flat(c.out, 3);
            const auto both_ways = [&](const FlatCase& shape, const Values& in, const Values& gradient) {
                const View y = run.output(shape.y()), dx = run.output(shape.x());
                run.backend()(FlatDense{
                    .x = run.input(shape.x(), in), .weight = weight, .bias = bias, .relu = true, .y = y});
                run.backend()(
                    FlatDenseGradInput{.dy = run.input(shape.y(), gradient), .weight = weight, .dx = dx});
                return std::pair{by_sample(shape, run.read(y)), run.read(dx)};
            };
            const auto batch = both_ways(c, x, dy);
            for (std::int64_t s = 0; s < c.batch; ++s) {
                const std::int64_t size = c.in * c.length;
                const auto alone =
                    both_ways(one, slice_of(x, s * size, size), slice_of(by_sample(c, dy), s * c.out, c.out));
                const bool same_y = alone.first == slice_of(batch.first, s * c.out, c.out);
                const bool same_dx = alone.second == slice_of(batch.second, s * size, size);
                CHECK(same_y);
                CHECK(same_dx);
            }
        });
}

TEST_CASE("flat_dense: shapes that do not fit are refused") {
    for_each_backend([](Backend& backend, double) {
        Run run(backend);
        const auto refused = [&](const Shape& x, const Shape& y, std::int64_t weights, std::int64_t biases) {
            const View xv = run.random(x, 1), yv = run.random(y, 2);
            const Slice w = run.random_flat(weights, 3), b = run.random_flat(biases, 4);
            int count = 0;
            const auto usage = [&](const auto& call) {
                try {
                    call();
                } catch (const Error& error) {
                    count += error.kind() == ErrorKind::usage ? 1 : 0;
                }
            };
            usage([&] { backend(FlatDense{.x = xv, .weight = w, .bias = b, .y = yv}); });
            usage([&] { backend(FlatDenseGradWeight{.x = xv, .dy = yv, .d_weight = w, .d_bias = b}); });
            usage([&] { backend(FlatDenseGradInput{.dy = yv, .weight = w, .dx = xv}); });
            return count;
        };
        const Shape x{3, 2, 5};
        CHECK(refused(x, {1, 4, 3}, 40, 4) == 0);
        CHECK(refused(x, {1, 4, 2}, 40, 4) == 3);
        CHECK(refused(x, {3, 4, 1}, 40, 4) == 3);
        CHECK(refused(x, {2, 4, 3}, 40, 4) == 3);
        CHECK(refused(x, {1, 4, 3}, 41, 4) == 3);
        CHECK(refused(x, {1, 4, 3}, 40, 3) == 2);
    });
}
