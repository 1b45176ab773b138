// Convolution, up-convolution and the first layer, each with its gradients.
#include <doctest/doctest.h>

#include <sstream>

#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

struct ConvCase {
    std::int64_t batch, in, out, length;
    ConvGeometry geometry;

    std::int64_t output_length() const { return geometry.output_length(length); }
    Shape x() const { return {batch, in, length}; }
    Shape y() const { return {batch, out, output_length()}; }
    std::int64_t weights() const { return in * out * geometry.width; }
    bool large() const { return weights() > 50000; }
    Halo padding() const { return {geometry.pad_left, geometry.pad_right}; }
    std::string text() const {
        std::ostringstream text;
        text << "batch " << batch << ", " << in << " -> " << out << " channels, length " << length
             << ", width " << geometry.width << ", stride " << geometry.stride << ", dilation "
             << geometry.dilation << ", padding " << geometry.pad_left << "+" << geometry.pad_right;
        return text.str();
    }
};

// width, stride, dilation, pad_left, pad_right
const std::vector<ConvCase> kConvCases = {
    {1, 1, 1, 1, {1, 1, 1, 0, 0}},         // a single product
    {3, 5, 7, 33, {1, 1, 1, 0, 0}},        // dense
    {1, 50, 240, 40, {10, 1, 3, 13, 14}},  // conv2's shape: even width, so the padding is asymmetric
    {2, 17, 13, 129, {10, 1, 9, 40, 41}},
    {1, 3, 2, 250, {10, 1, 81, 364, 365}},  // the receptive field exceeds the row
    {3, 2, 3, 20, {10, 1, 81, 364, 365}},   // and every tap but one or two misses it
    {2, 1, 1, 1, {5, 1, 2, 4, 4}},          // length 1
    {1, 1, 4, 31, {3, 1, 1, 2, 0}},         // causal: all padding on one side
    {2, 4, 1, 31, {3, 1, 1, 0, 2}},
    {1, 4, 5, 64, {7, 1, 1, 0, 0}},     // no padding: the output is shorter
    {3, 4, 6, 100, {10, 10, 1, 0, 0}},  // stride = width
    {2, 5, 3, 47, {4, 3, 2, 3, 3}},     // stride and dilation
    {1, 3, 9, 19, {3, 5, 1, 1, 1}},     // stride beyond the width: some inputs are never read
    {1, 6, 11, 23, {23, 1, 1, 0, 0}},   // flatten + dense: width = length
    {1, 33, 31, 95, {2, 1, 16, 8, 8}},
    {1, 3, 4, 12, {3, 1, 2, 6, 7}},  // more padding than the width needs: the output is longer
};

}  // namespace

TEST_CASE("conv") {
    for (const ConvCase& c : kConvCases)
        for (const bool with_bias : {false, true}) {
            run_everywhere(
                "conv: " + c.text(),
                [&](Run& run) {
                    const View x = run.random(c.x(), 1, {c.geometry.pad_left + 2, c.geometry.pad_right + 1});
                    const View y = run.output(c.y());
                    const Slice bias = with_bias ? run.random_flat(c.out, 3) : Slice{};
                    run.backend().conv(x, run.random_flat(c.weights(), 2), bias, c.geometry, with_bias, y);
                    run.keep("y", y);
                },
                false, c.large());
        }
}

TEST_CASE("conv_grad_input") {
    for (const ConvCase& c : kConvCases)
        for (const bool accumulate : {false, true}) {
            run_everywhere(
                "conv_grad_input: " + c.text(),
                [&](Run& run) {
                    const View dy = run.random(c.y(), 1, c.geometry.gradient_halo());
                    const View dx = accumulate ? run.random(c.x(), 4, {2, 1}) : run.output(c.x());
                    run.backend().conv_grad_input(dy, run.random_flat(c.weights(), 2), c.geometry, accumulate,
                                                  dx);
                    run.keep("dx", dx);
                },
                false, c.large());
        }
}

TEST_CASE("conv_grad_weight") {
    for (const ConvCase& c : kConvCases)
        for (const bool with_bias : {false, true}) {
            run_everywhere(
                "conv_grad_weight: " + c.text(),
                [&](Run& run) {
                    const View x = run.random(c.x(), 1, c.padding());
                    const View dy = run.random(c.y(), 2, {1, 0});
                    const Slice d_weight = run.random_flat(c.weights(), 3);  // gradients are added
                    const Slice d_bias = with_bias ? run.random_flat(c.out, 4) : Slice{};
                    run.backend().conv_grad_weight(x, dy, c.geometry, d_weight, d_bias);
                    run.keep("d_weight", d_weight);
                    if (with_bias) run.keep("d_bias", d_bias);
                },
                false, c.large());
        }
}

TEST_CASE("conv: gradients by finite differences") {
    for (const ConvCase& c : kConvCases) {
        if (c.weights() > 600) continue;
        check_gradient(
            "conv: " + c.text(),
            {random_values(c.x().size(), 1), random_values(c.weights(), 2), random_values(c.out, 3)},
            [&](Run& run, const std::vector<Values>& in) {
                const View y = run.output(c.y());
                run.backend().conv(run.input(c.x(), in[0], c.padding()), run.flat(in[1]), run.flat(in[2]),
                                   c.geometry, false, y);
                return run.read(y);
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const View x = run.input(c.x(), in[0], c.padding());
                const View dy = run.input(c.y(), d_outputs, c.geometry.gradient_halo());
                const View dx = run.output(c.x());
                const Slice d_weight = run.zeros(c.weights()), d_bias = run.zeros(c.out);
                run.backend().conv_grad_input(dy, run.flat(in[1]), c.geometry, false, dx);
                run.backend().conv_grad_weight(x, dy, c.geometry, d_weight, d_bias);
                return std::vector{run.read(dx), run.read(d_weight), run.read(d_bias)};
            });
    }
}

// ---- up-convolution
// ---------------------------------------------------------------------------------------------
namespace {

struct UpCase {
    std::int64_t batch, in, out, length;
    int stride;

    Shape x() const { return {batch, in, length}; }
    Shape y() const { return {batch, out, length * stride}; }
    std::int64_t weights() const { return in * out * stride; }
    std::string text() const {
        std::ostringstream text;
        text << "batch " << batch << ", " << in << " -> " << out << " channels, length " << length
             << ", stride " << stride;
        return text.str();
    }
};

const std::vector<UpCase> kUpCases = {{1, 1, 1, 1, 1}, {3, 5, 7, 33, 10}, {1, 50, 50, 41, 10},
                                      {2, 3, 2, 1, 4}, {1, 17, 1, 19, 3}, {2, 1, 33, 16, 20}};

}  // namespace

TEST_CASE("up_conv") {
    for (const UpCase& c : kUpCases)
        for (const bool with_bias : {false, true}) {
            run_everywhere("up_conv: " + c.text(), [&](Run& run) {
                const View x = run.random(c.x(), 1, {2, 0}), y = run.output(c.y());
                const Slice bias = with_bias ? run.random_flat(c.out, 3) : Slice{};
                run.backend().up_conv(x, run.random_flat(c.weights(), 2), bias, c.stride, with_bias, y);
                run.keep("y", y);
            });
        }
}

TEST_CASE("up_conv: gradients") {
    for (const UpCase& c : kUpCases)
        for (const bool accumulate : {false, true}) {
            run_everywhere("up_conv: " + c.text(), [&](Run& run) {
                const View x = run.random(c.x(), 1), dy = run.random(c.y(), 2, {1, 1});
                const View dx = accumulate ? run.random(c.x(), 5, {0, 3}) : run.output(c.x());
                const Slice d_weight = run.random_flat(c.weights(), 3);
                const Slice d_bias = accumulate ? run.random_flat(c.out, 4) : Slice{};
                run.backend().up_conv_grad_input(dy, run.random_flat(c.weights(), 6), c.stride, accumulate,
                                                 dx);
                run.backend().up_conv_grad_weight(x, dy, c.stride, d_weight, d_bias);
                run.keep("dx", dx);
                run.keep("d_weight", d_weight);
                if (d_bias) run.keep("d_bias", d_bias);
            });
        }
}

TEST_CASE("up_conv: gradients by finite differences") {
    for (const UpCase& c : kUpCases) {
        if (c.weights() > 1000) continue;
        check_gradient(
            "up_conv: " + c.text(),
            {random_values(c.x().size(), 1), random_values(c.weights(), 2), random_values(c.out, 3)},
            [&](Run& run, const std::vector<Values>& in) {
                const View y = run.output(c.y());
                run.backend().up_conv(run.input(c.x(), in[0]), run.flat(in[1]), run.flat(in[2]), c.stride,
                                      false, y);
                return run.read(y);
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const View x = run.input(c.x(), in[0]), dy = run.input(c.y(), d_outputs),
                           dx = run.output(c.x());
                const Slice d_weight = run.zeros(c.weights()), d_bias = run.zeros(c.out);
                run.backend().up_conv_grad_input(dy, run.flat(in[1]), c.stride, false, dx);
                run.backend().up_conv_grad_weight(x, dy, c.stride, d_weight, d_bias);
                return std::vector{run.read(dx), run.read(d_weight), run.read(d_bias)};
            });
    }
}

// ---- the first layer
// --------------------------------------------------------------------------------------------
namespace {

struct SequenceCase {
    std::int64_t batch, dim, out, length;
    ConvGeometry geometry;

    Shape y() const { return {batch, out, geometry.output_length(length)}; }
    std::int64_t weights() const { return dim * out * geometry.width; }
    std::string text() const {
        ConvCase as_conv{batch, dim, out, length, geometry};
        return "sequence_conv: " + as_conv.text();
    }
    std::vector<std::uint8_t> windows() const {
        std::vector<std::uint8_t> codes;
        for (const double value : random_values(batch * length, 77, 0, kSymbols))
            codes.push_back(static_cast<std::uint8_t>(value));
        return codes;
    }
    Codes codes(const std::vector<std::uint8_t>& windows) const { return {windows.data(), batch, length}; }
};

const std::vector<SequenceCase> kSequenceCases = {
    {1, 1, 1, 1, {1, 1, 1, 0, 0}},       {1, 5, 50, 250, {10, 10, 1, 0, 0}}, {3, 5, 7, 101, {10, 1, 1, 4, 5}},
    {2, 4, 17, 64, {20, 20, 1, 10, 10}}, {1, 4, 33, 7, {11, 1, 1, 5, 5}},    {2, 3, 5, 90, {4, 1, 9, 13, 14}},
    {1, 8, 3, 57, {6, 4, 2, 5, 5}},
};

}  // namespace

TEST_CASE("sequence_conv") {
    for (const SequenceCase& c : kSequenceCases)
        for (const bool with_bias : {false, true}) {
            const auto windows = c.windows();
            run_everywhere(c.text(), [&](Run& run) {
                const View y = run.output(c.y());
                const Slice embedding = run.random_flat(kSymbols * c.dim, 1);
                const Slice bias = with_bias ? run.random_flat(c.out, 3) : Slice{};
                run.backend().sequence_conv(c.codes(windows), embedding, run.random_flat(c.weights(), 2),
                                            bias, c.geometry, with_bias, y);
                run.keep("y", y);
            });
        }
}

TEST_CASE("sequence_conv: gradients") {
    for (const SequenceCase& c : kSequenceCases)
        for (const bool with_bias : {false, true}) {
            const auto windows = c.windows();
            run_everywhere(c.text(), [&](Run& run) {
                const View dy = run.random(c.y(), 1, {2, 1});
                const Slice d_embedding = run.random_flat(kSymbols * c.dim, 2);
                const Slice d_weight = run.random_flat(c.weights(), 3);
                const Slice d_bias = with_bias ? run.random_flat(c.out, 4) : Slice{};
                run.backend().sequence_conv_grad(c.codes(windows), dy, run.random_flat(kSymbols * c.dim, 5),
                                                 run.random_flat(c.weights(), 6), c.geometry, d_embedding,
                                                 d_weight, d_bias);
                run.keep("d_embedding", d_embedding);
                run.keep("d_weight", d_weight);
                if (with_bias) run.keep("d_bias", d_bias);
            });
        }
}

TEST_CASE("sequence_conv: gradients by finite differences") {
    for (const SequenceCase& c : kSequenceCases) {
        if (c.weights() > 1000) continue;
        const auto windows = c.windows();
        check_gradient(
            c.text(),
            {random_values(kSymbols * c.dim, 1), random_values(c.weights(), 2), random_values(c.out, 3)},
            [&](Run& run, const std::vector<Values>& in) {
                const View y = run.output(c.y());
                run.backend().sequence_conv(c.codes(windows), run.flat(in[0]), run.flat(in[1]),
                                            run.flat(in[2]), c.geometry, false, y);
                return run.read(y);
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const Slice d_embedding = run.zeros(kSymbols * c.dim), d_weight = run.zeros(c.weights());
                const Slice d_bias = run.zeros(c.out);
                run.backend().sequence_conv_grad(c.codes(windows), run.input(c.y(), d_outputs),
                                                 run.flat(in[0]), run.flat(in[1]), c.geometry, d_embedding,
                                                 d_weight, d_bias);
                return std::vector{run.read(d_embedding), run.read(d_weight), run.read(d_bias)};
            });
    }
}

// A one-hot embedding turns the first layer into a convolution over one-hot rows, written by hand here.
TEST_CASE("sequence_conv: a padded N is not an embedded N") {
    const std::vector<std::uint8_t> window = {0, 1, 4};
    run_everywhere("sequence_conv", [&](Run& run) {
        const View y = run.output({1, 1, 3});
        const Slice embedding = run.flat({10, 1, 2, 3, 4});  // N = 10
        run.backend().sequence_conv({window.data(), 1, 3}, embedding, run.flat({1, 1, 1}), {},
                                    {3, 1, 1, 1, 1}, false, y);
        CHECK(run.read(y) == Values{11, 15, 5});
        run.keep("y", y);
    });
}
