// LSTMs: the recurrence, and the layer that is made of it and of a convolution where a back end has no way of
// its own.
#include "kernels/backend.hpp"
#include "kernels/ops/checks.hpp"

namespace regkit {

namespace {

void check_sizes(const Checks& check, int hidden, int directions) {
    check.that(hidden >= 1, "no hidden units");
    check.that(directions >= 1 && directions <= kMaxDirections, "neither one direction nor two");
}

std::int64_t gates_of(int hidden, int directions) {
    return std::int64_t{4} * directions * hidden;
}

void check_lstm(const Checks& check, const View& gates, const Slice& weight_hh, int hidden, int directions,
                const View& cell, const View& y) {
    check_sizes(check, hidden, directions);
    check.tensor("gates", gates);
    check.equal("channels of gates", gates.shape.channels, gates_of(hidden, directions));
    check.values("weight_hh", weight_hh, gates_of(hidden, directions) * hidden);
    const Shape state{gates.shape.batch, std::int64_t{directions} * hidden, gates.shape.length};
    check.shape("cell", cell, state);
    check.shape("y", y, state);
}

void check_layer(const Checks& check, const View& x, const LstmLayer& layer, const LstmMemory& memory,
                 const View& y) {
    check_sizes(check, layer.hidden, layer.directions);
    const std::int64_t gates = gates_of(layer.hidden, layer.directions);
    check.tensor("x", x);
    check.values("weight_ih", layer.weight_ih, gates * x.shape.channels);
    check.values("weight_hh", layer.weight_hh, gates * layer.hidden);
    check.values("bias", layer.bias, gates);
    check.shape("y", y, x.shape.batch, std::int64_t{layer.directions} * layer.hidden, x.shape.length);
    check.that(memory.x.batch >= x.shape.batch && memory.x.channels == x.shape.channels &&
                   memory.x.length >= x.shape.length && memory.states == y.shape.channels,
               "memory that was not made for this layer");
}

View part(const Buffer& buffer, const View& x) {
    return buffer.view(x.shape.batch, x.shape.length);
}

}  // namespace

void Backend::lstm(const View& gates, const Slice& weight_hh, int hidden, int directions, const View& cell,
                   const View& y) {
    const Checks check("lstm");
    check_lstm(check, gates, weight_hh, hidden, directions, cell, y);
    done("lstm", do_lstm(gates, weight_hh, hidden, directions, cell, y));
}

void Backend::lstm_grad(const View& gates, const Slice& weight_hh, int hidden, int directions,
                        const View& cell, const View& y, const View& dy, const Slice& d_weight_hh) {
    const Checks check("lstm_grad");
    check_lstm(check, gates, weight_hh, hidden, directions, cell, y);
    check.shape("dy", dy, y.shape);
    check.values("d_weight_hh", d_weight_hh, weight_hh.count);
    done("lstm_grad", do_lstm_grad(gates, weight_hh, hidden, directions, cell, y, dy, d_weight_hh));
}

// ---- the layer as a whole
Status Backend::lstm_of_parts(const View& x, const LstmLayer& layer, const View& gates, const View& cell,
                              const View& y) noexcept {
    const Status status = run(Conv{.x = x, .weight = layer.weight_ih, .bias = layer.bias, .y = gates});
    if (status.code != Status::Code::ok) return status;
    return do_lstm(gates, layer.weight_hh, layer.hidden, layer.directions, cell, y);
}

Status Backend::lstm_grad_of_parts(const View& x, const LstmLayer& layer, const View& gates, const View& cell,
                                   const View& y, const View& dy, const LstmGradient& gradient,
                                   bool accumulate, const View& dx) noexcept {
    Status status =
        do_lstm_grad(gates, layer.weight_hh, layer.hidden, layer.directions, cell, y, dy, gradient.weight_hh);
    if (status.code != Status::Code::ok) return status;
    status =
        run(ConvGradWeight{.x = x, .dy = gates, .d_weight = gradient.weight_ih, .d_bias = gradient.bias});
    if (status.code != Status::Code::ok) return status;
    return run(ConvGradInput{.dy = gates, .weight = layer.weight_ih, .accumulate = accumulate, .dx = dx});
}

LstmMemory Backend::alloc_lstm(const Shape& x, int hidden, int directions, bool training) {
    const Checks check("alloc_lstm");
    check_sizes(check, hidden, directions);
    check.that(x.batch >= 1 && x.channels >= 1 && x.length >= 1, "an empty shape");
    LstmMemory memory;
    memory.x = x;
    memory.states = std::int64_t{directions} * hidden;
    memory.training = training;
    std::int64_t count = 0;
    const Status own = do_lstm_own(x, hidden, directions, training, count);
    if (own.code == Status::Code::unsupported) {
        memory.cell = alloc({x.batch, memory.states, x.length});
        memory.gates = alloc({x.batch, gates_of(hidden, directions), x.length});
    } else {
        done("alloc_lstm", own);
        memory.own = alloc_flat(count);
    }
    return memory;
}

void Backend::lstm_layer(const View& x, const LstmLayer& layer, LstmMemory& memory, const View& y) {
    const Checks check("lstm_layer");
    check_layer(check, x, layer, memory, y);
    done("lstm_layer", memory.own ? do_lstm_layer(x, layer, memory, y)
                                  : lstm_of_parts(x, layer, part(memory.gates, x), part(memory.cell, x), y));
}

void Backend::lstm_layer_grad(const View& x, const LstmLayer& layer, LstmMemory& memory, const View& y,
                              const View& dy, const LstmGradient& gradient, bool accumulate, const View& dx) {
    const Checks check("lstm_layer_grad");
    check_layer(check, x, layer, memory, y);
    check.that(memory.training, "memory that was not made for training");
    check.shape("dy", dy, y.shape);
    check.shape("dx", dx, x.shape);
    check.values("d_weight_ih", gradient.weight_ih, layer.weight_ih.count);
    check.values("d_weight_hh", gradient.weight_hh, layer.weight_hh.count);
    check.values("d_bias", gradient.bias, layer.bias.count);
    done("lstm_layer_grad", memory.own
                                ? do_lstm_layer_grad(x, layer, memory, y, dy, gradient, accumulate, dx)
                                : lstm_grad_of_parts(x, layer, part(memory.gates, x), part(memory.cell, x), y,
                                                     dy, gradient, accumulate, dx));
}

}  // namespace regkit
