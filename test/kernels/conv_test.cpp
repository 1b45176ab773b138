// Convolution, up-convolution and the first layer, each with its gradients.
#include <doctest/doctest.h>

#include <sstream>

#include "kernels/base/error.hpp"
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
    {1, 4, 5, 64, {7, 1, 1, 0, 0}},   // no padding: the output is shorter
    {2, 3, 5, 70, {3, 1, 16, 0, 0}},  // deep-dilated's widest
    {1, 5, 4, 33, {3, 1, 16, 0, 0}},  // leaves one position
    {3, 2, 3, 60, {8, 1, 3, 0, 0}},
    {2, 3, 4, 53, {4, 3, 2, 0, 0}},     // no padding, stride and dilation, positions left over
    {1, 4, 7, 1000, {26, 1, 1, 0, 0}},  // danq's
    {3, 4, 6, 100, {10, 10, 1, 0, 0}},  // stride = width
    {2, 5, 3, 47, {4, 3, 2, 3, 3}},     // stride and dilation
    {1, 3, 9, 19, {3, 5, 1, 1, 1}},     // stride beyond the width: some inputs are never read
    {1, 6, 11, 23, {23, 1, 1, 0, 0}},   // flatten + dense: width = length
    {1, 33, 31, 95, {2, 1, 16, 8, 8}},
    {1, 3, 4, 12, {3, 1, 2, 6, 7}},           // more padding than the width needs: the output is longer
    {2, 5, 4, 2100, {3, 1, 81, 81, 81}},      // rows that are cut into ranges
    {2, 40, 70, 300, {10, 1, 81, 364, 365}},  // taps whose lines are apart, inputs in pieces
    {1, 65, 30, 131, {10, 1, 32, 0, 288}},
    {5,
     300,
     9,
     101,
     {1, 3, 1, 2, 1}},  // many inputs at one tap: padding and stride, short rows, several samples
    {30, 257, 20, 37, {1, 1, 1, 1, 2}},
    {3, 256, 37, 500, {1, 1, 1, 0, 0}},  // rows that are pieces of their own
    // Of a GPU's kernels for compute capability 9.0: two windows of channels; steps of eight positions.
    {1, 65, 3, 135, {3, 1, 3, 3, 3}},
    {1, 2, 3, 540, {10, 1, 32, 144, 144}},
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
                    run.backend()(Conv{.x = x,
                                       .weight = run.random_flat(c.weights(), 2),
                                       .bias = bias,
                                       .geometry = c.geometry,
                                       .relu = with_bias,
                                       .y = y});
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
                    run.backend()(ConvGradInput{.dy = dy,
                                                .weight = run.random_flat(c.weights(), 2),
                                                .geometry = c.geometry,
                                                .accumulate = accumulate,
                                                .dx = dx});
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
                    run.backend()(ConvGradWeight{
                        .x = x, .dy = dy, .geometry = c.geometry, .d_weight = d_weight, .d_bias = d_bias});
                    run.keep("d_weight", d_weight);
                    if (with_bias) run.keep("d_bias", d_bias);
                },
                false, c.large());
        }
}

// A gradient summed over 64,000 positions of one sign: in one chain of floats it would be 2e-5 off.
TEST_CASE("conv_grad_weight: long sums keep their digits") {
    const ConvCase c{128, 256, 2, 500, {1, 1, 1, 0, 0}};
    const Values x = random_values(c.x().size(), 1, 0, 1), dy = random_values(c.y().size(), 2, 0, 1);
    Values sums(static_cast<std::size_t>(c.weights()), 0.0);
    const auto row = [&](const Values& values, std::int64_t sample, std::int64_t channels,
                         std::int64_t channel) {
        return values.data() + (sample * channels + channel) * c.length;
    };
    for (std::int64_t s = 0; s < c.batch; ++s)
        for (std::int64_t o = 0; o < c.out; ++o)
            for (std::int64_t k = 0; k < c.in; ++k)
                for (std::int64_t p = 0; p < c.length; ++p)
                    sums[static_cast<std::size_t>(o * c.in + k)] +=
                        row(x, s, c.in, k)[p] * row(dy, s, c.out, o)[p];
    const auto backend = make_backend({"cpu", 2, "", Precision::f32}).backend;
    Run run(*backend);
    const Slice d_weight = run.zeros(c.weights());
    (*backend)(ConvGradWeight{
        .x = run.input(c.x(), x), .dy = run.input(c.y(), dy), .geometry = c.geometry, .d_weight = d_weight});
    const Values got = run.read(d_weight);
    double worst = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) worst = std::max(worst, std::abs(got[i] / sums[i] - 1));
    CHECK(worst <= 4e-6);
}

TEST_CASE("conv: gradients by finite differences") {
    for (const ConvCase& c : kConvCases) {
        if (c.weights() > 600 || c.length > 1000) continue;
        check_gradient(
            "conv: " + c.text(),
            {random_values(c.x().size(), 1), random_values(c.weights(), 2), random_values(c.out, 3)},
            [&](Run& run, const std::vector<Values>& in) {
                const View y = run.output(c.y());
                run.backend()(Conv{.x = run.input(c.x(), in[0], c.padding()),
                                   .weight = run.flat(in[1]),
                                   .bias = run.flat(in[2]),
                                   .geometry = c.geometry,
                                   .y = y});
                return run.read(y);
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const View x = run.input(c.x(), in[0], c.padding());
                const View dy = run.input(c.y(), d_outputs, c.geometry.gradient_halo());
                const View dx = run.output(c.x());
                const Slice d_weight = run.zeros(c.weights()), d_bias = run.zeros(c.out);
                run.backend()(
                    ConvGradInput{.dy = dy, .weight = run.flat(in[1]), .geometry = c.geometry, .dx = dx});
                run.backend()(ConvGradWeight{
                    .x = x, .dy = dy, .geometry = c.geometry, .d_weight = d_weight, .d_bias = d_bias});
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
                run.backend()(UpConv{.x = x,
                                     .weight = run.random_flat(c.weights(), 2),
                                     .bias = bias,
                                     .stride = c.stride,
                                     .relu = with_bias,
                                     .y = y});
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
                run.backend()(UpConvGradInput{.dy = dy,
                                              .weight = run.random_flat(c.weights(), 6),
                                              .stride = c.stride,
                                              .accumulate = accumulate,
                                              .dx = dx});
                run.backend()(UpConvGradWeight{
                    .x = x, .dy = dy, .stride = c.stride, .d_weight = d_weight, .d_bias = d_bias});
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
                run.backend()(UpConv{.x = run.input(c.x(), in[0]),
                                     .weight = run.flat(in[1]),
                                     .bias = run.flat(in[2]),
                                     .stride = c.stride,
                                     .y = y});
                return run.read(y);
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const View x = run.input(c.x(), in[0]), dy = run.input(c.y(), d_outputs),
                           dx = run.output(c.x());
                const Slice d_weight = run.zeros(c.weights()), d_bias = run.zeros(c.out);
                run.backend()(
                    UpConvGradInput{.dy = dy, .weight = run.flat(in[1]), .stride = c.stride, .dx = dx});
                run.backend()(UpConvGradWeight{
                    .x = x, .dy = dy, .stride = c.stride, .d_weight = d_weight, .d_bias = d_bias});
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
    {1, 8, 3, 57, {6, 4, 2, 5, 5}},      {2, 4, 3, 300, {5, 1, 1, 2, 2}},
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
                run.backend()(SequenceConv{.codes = c.codes(windows),
                                           .embedding = embedding,
                                           .weight = run.random_flat(c.weights(), 2),
                                           .bias = bias,
                                           .geometry = c.geometry,
                                           .relu = with_bias,
                                           .y = y});
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
                run.backend()(SequenceConvGrad{.codes = c.codes(windows),
                                               .dy = dy,
                                               .embedding = run.random_flat(kSymbols * c.dim, 5),
                                               .weight = run.random_flat(c.weights(), 6),
                                               .geometry = c.geometry,
                                               .d_embedding = d_embedding,
                                               .d_weight = d_weight,
                                               .d_bias = d_bias});
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
                run.backend()(SequenceConv{.codes = c.codes(windows),
                                           .embedding = run.flat(in[0]),
                                           .weight = run.flat(in[1]),
                                           .bias = run.flat(in[2]),
                                           .geometry = c.geometry,
                                           .y = y});
                return run.read(y);
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const Slice d_embedding = run.zeros(kSymbols * c.dim), d_weight = run.zeros(c.weights());
                const Slice d_bias = run.zeros(c.out);
                run.backend()(SequenceConvGrad{.codes = c.codes(windows),
                                               .dy = run.input(c.y(), d_outputs),
                                               .embedding = run.flat(in[0]),
                                               .weight = run.flat(in[1]),
                                               .geometry = c.geometry,
                                               .d_embedding = d_embedding,
                                               .d_weight = d_weight,
                                               .d_bias = d_bias});
                return std::vector{run.read(d_embedding), run.read(d_weight), run.read(d_bias)};
            });
    }
}

TEST_CASE("sequence_conv_grad of an embedding that is not trained: the other gradients do not change") {
    for (const SequenceCase& c : kSequenceCases) {
        const auto windows = c.windows();
        run_everywhere(c.text(), [&](Run& run) {
            const View dy = run.random(c.y(), 1, {2, 1});
            Values gradients[2];
            for (const bool trained : {false, true}) {
                const Slice d_weight = run.random_flat(c.weights(), 3), d_bias = run.random_flat(c.out, 4);
                run.backend()(SequenceConvGrad{.codes = c.codes(windows),
                                               .dy = dy,
                                               .embedding = run.random_flat(kSymbols * c.dim, 5),
                                               .weight = run.random_flat(c.weights(), 6),
                                               .geometry = c.geometry,
                                               .d_embedding = trained ? run.zeros(kSymbols * c.dim) : Slice{},
                                               .d_weight = d_weight,
                                               .d_bias = d_bias});
                gradients[trained] = run.read(d_weight);
                const Values bias = run.read(d_bias);
                gradients[trained].insert(gradients[trained].end(), bias.begin(), bias.end());
            }
            CHECK(gradients[0] == gradients[1]);
            run.keep("d_weight and d_bias", gradients[0]);
        });
    }
}

// ---- the sequence as a tensor
// -----------------------------------------------------------------------------------
TEST_CASE("embed") {
    for (const SequenceCase& c : kSequenceCases) {
        const auto windows = c.windows();
        const Values embedding = random_values(kSymbols * c.dim, 1);
        run_everywhere(
            "embed, " + c.text(),
            [&](Run& run) {
                const View y = run.output({c.batch, c.dim, c.length});
                run.backend()(Embed{.codes = c.codes(windows), .embedding = run.flat(embedding), .y = y});
                run.keep("y", y);
                Values expected;
                for (std::int64_t s = 0; s < c.batch; ++s)
                    for (std::int64_t d = 0; d < c.dim; ++d)
                        for (std::int64_t p = 0; p < c.length; ++p) {
                            const int code = windows[static_cast<std::size_t>(s * c.length + p)];
                            expected.push_back(embedding[static_cast<std::size_t>(code * c.dim + d)]);
                        }
                check_close("rows of the embedding", run.read(y), expected, 0);
            },
            true);
    }
}

TEST_CASE("embed: shapes and codes that do not fit are refused") {
    for_each_backend([](Backend& backend, double) {
        Run run(backend);
        const std::vector<std::uint8_t> good = {0, 1, 2, 3, 4, 0}, bad = {0, 1, 2, 3, 4, 5};
        const View y = run.output({2, 4, 3}), wide = run.output({2, 5, 3}), long_y = run.output({2, 4, 4});
        const auto refused = [&](const std::vector<std::uint8_t>& codes, std::int64_t values,
                                 const View& to) {
            try {
                backend(
                    Embed{.codes = {codes.data(), 2, 3}, .embedding = run.random_flat(values, 1), .y = to});
            } catch (const Error& error) {
                return error.kind() == ErrorKind::usage;
            }
            return false;
        };
        CHECK_FALSE(refused(good, 20, y));
        CHECK(refused(bad, 20, y));
        CHECK(refused(good, 19, y));
        CHECK(refused(good, 20, wide));
        CHECK(refused(good, 20, long_y));
    });
}

// A one-hot embedding turns the first layer into a convolution over one-hot rows, written by hand here.
TEST_CASE("sequence_conv: a padded N is not an embedded N") {
    const std::vector<std::uint8_t> window = {0, 1, 4};
    run_everywhere("sequence_conv", [&](Run& run) {
        const View y = run.output({1, 1, 3});
        const Slice embedding = run.flat({10, 1, 2, 3, 4});  // N = 10
        run.backend()(SequenceConv{.codes = {window.data(), 1, 3},
                                   .embedding = embedding,
                                   .weight = run.flat({1, 1, 1}),
                                   .geometry = {3, 1, 1, 1, 1},
                                   .y = y});
        CHECK(run.read(y) == Values{11, 15, 5});
        run.keep("y", y);
    });
}
