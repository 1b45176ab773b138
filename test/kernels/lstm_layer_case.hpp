// An LSTM layer and its gradient on any back end.
#pragma once

#include <cmath>
#include <sstream>
#include <string>

#include "kernels/compose.hpp"
#include "test/kernels/harness.hpp"

namespace regkit::test {

struct LstmLayerCase {
    std::int64_t batch, in;
    int hidden, directions;
    std::int64_t length;

    std::int64_t gates() const { return 4 * std::int64_t{hidden} * directions; }
    Shape x() const { return {batch, in, length}; }
    Shape y() const { return {batch, std::int64_t{hidden} * directions, length}; }
    std::string text() const {
        std::ostringstream text;
        text << "batch " << batch << ", in " << in << ", hidden " << hidden << ", directions " << directions
             << ", length " << length;
        return text.str();
    }
};

// What a layer computes with, as values: x, weight_ih, weight_hh, bias, and the gradient of y.
struct LstmLayerValues {
    Values x, weight_ih, weight_hh, bias, dy;

    explicit LstmLayerValues(const LstmLayerCase& c)
        : x(random_values(c.x().size(), 1)),
          weight_ih(random_values(c.gates() * c.in, 2, -2 / std::sqrt(c.in), 2 / std::sqrt(c.in))),
          weight_hh(
              random_values(c.gates() * c.hidden, 3, -2 / std::sqrt(c.hidden), 2 / std::sqrt(c.hidden))),
          bias(random_values(c.gates(), 4)),
          dy(random_values(c.y().size(), 5)) {}
};

inline LstmLayer layer_of(Run& run, const LstmLayerCase& c, const LstmLayerValues& values) {
    return {run.flat(values.weight_ih), run.flat(values.weight_hh), run.flat(values.bias), c.hidden,
            c.directions};
}

// Keeps y of an inference and of a step of training, and the gradients, which are added to what is there. The
// memory is made for more than there is.
inline void keep_lstm_layer(Run& run, const LstmLayerCase& c, const LstmLayerValues& values) {
    Backend& backend = run.backend();
    const View x = run.input(c.x(), values.x, {1, 2});
    const LstmLayer layer = layer_of(run, c, values);
    const Shape room{c.batch + 1, c.in, c.length + 3};
    LstmMemory inference = compose::alloc_lstm(backend, room, c.hidden, c.directions, false);
    const View y = run.output(c.y());
    compose::lstm(backend, Lstm{.x = x, .layer = layer, .memory = &inference, .y = y});
    run.keep("y of inference", y);
    LstmMemory memory = compose::alloc_lstm(backend, room, c.hidden, c.directions, true);
    const View trained = run.output(c.y());
    compose::lstm(backend, Lstm{.x = x, .layer = layer, .memory = &memory, .y = trained});
    run.keep("y", trained);
    const View dx = run.random(c.x(), 6);
    const LstmGradient gradient{run.random_flat(layer.weight_ih.count, 7),
                                run.random_flat(layer.weight_hh.count, 8),
                                run.random_flat(layer.bias.count, 9)};
    compose::lstm_grad(backend, LstmGrad{.x = x,
                                         .layer = layer,
                                         .memory = &memory,
                                         .y = trained,
                                         .dy = run.input(c.y(), values.dy, {2, 1}),
                                         .gradient = gradient,
                                         .accumulate = true,
                                         .dx = dx});
    run.keep("dx", dx);
    run.keep("d_weight_ih", gradient.weight_ih);
    run.keep("d_weight_hh", gradient.weight_hh);
    run.keep("d_bias", gradient.bias);
}

inline void keep_lstm_layer(Run& run, const LstmLayerCase& c) {
    keep_lstm_layer(run, c, LstmLayerValues(c));
}

}  // namespace regkit::test
