// A convolution and its gradients on any back end, for the tests of those in bf16.
#pragma once

#include <sstream>
#include <string>

#include "kernels/cpu/bf16.hpp"
#include "test/kernels/harness.hpp"

namespace regkit::test {

struct ConvCase {
    std::int64_t batch, in, out, length;
    ConvGeometry geometry;

    std::string text() const {
        std::ostringstream text;
        text << in << " -> " << out << " channels, length " << length << ", width " << geometry.width
             << ", stride " << geometry.stride << ", dilation " << geometry.dilation << ", padding "
             << geometry.pad_left << "+" << geometry.pad_right;
        return text.str();
    }
};

struct ConvResults {
    Values y, dx, d_weight, d_bias;
    bool operator==(const ConvResults&) const = default;
};

inline Values rounded(Values values) {
    for (double& value : values) value = cpu::bf16_rounded(static_cast<float>(value));
    return values;
}

// A convolution with bias and ReLU, and its gradients, of operands that `round` has seen; dx and dW are added
// to ones.
template <typename Round>
ConvResults convolve(Backend& backend, const ConvCase& c, const Round& round) {
    Run run(backend);
    const ConvGeometry& g = c.geometry;
    const Shape x_shape{c.batch, c.in, c.length}, y_shape{c.batch, c.out, g.output_length(c.length)};
    const std::int64_t weights = c.in * c.out * g.width;
    const Slice weight = run.flat(round(random_values(weights, 2))), bias = run.random_flat(c.out, 3);
    const View x = run.input(x_shape, round(random_values(x_shape.size(), 1)), {g.pad_left, g.pad_right});
    const View y = run.output(y_shape);
    backend(Conv{.x = x, .weight = weight, .bias = bias, .geometry = g, .relu = true, .y = y});
    const Values gradient = random_values(y_shape.size(), 4);
    const View dx = run.input(x_shape, Values(static_cast<std::size_t>(x_shape.size()), 1.0));
    backend(ConvGradInput{.dy = run.input(y_shape, round(gradient), g.gradient_halo()),
                          .weight = weight,
                          .geometry = g,
                          .accumulate = true,
                          .dx = dx});
    const Slice d_weight = run.flat(Values(static_cast<std::size_t>(weights), 1.0)),
                d_bias = run.zeros(c.out);
    backend(ConvGradWeight{.x = x,
                           .dy = run.input(y_shape, round(gradient)),
                           .geometry = g,
                           .d_weight = d_weight,
                           .d_bias = d_bias});
    return {run.read(y), run.read(dx), run.read(d_weight), run.read(d_bias)};
}

}  // namespace regkit::test
