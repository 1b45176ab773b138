// What inference, training and the gradients of the bases share: buffers, and a layer's step back.
#include "kernels/base/nth.hpp"
#include "nn/network_impl.hpp"

namespace regkit {

Slice Network::Impl::table(int index, const Weights& weights) const {
    const int sequence = is_sequence(index) ? index : node(index).inputs[0];
    if (!is_sequence(sequence)) return {};
    const Buffer& fixed = nth(tables, sequence);
    return fixed ? fixed.slice() : slice(weights.arena, weights.at(sequence).weight);
}

Tail Network::Impl::tail(const TailPlan& tail_plan, const Weights& weights) const {
    const auto fill = [&](TailLayer& to, int index) {
        to.weight = slice(weights.arena, weights.at(index).weight);
        to.bias = slice(weights.arena, weights.at(index).bias);
        to.in = node(index).channels_in;
        to.out = node(index).channels;
    };
    Tail tail;
    tail.stride = tail_plan.stride;
    if (tail_plan.up >= 0) fill(tail.up, tail_plan.up);
    for (const int index : tail_plan.dense) fill(tail.dense[tail.depth++], index);
    return tail;
}

Buffer Network::Impl::make_buffer(int index, const Capacity& capacity, Halo halo) const {
    return backend.alloc(graph.shape(index, capacity.batch, capacity.length), halo);
}

LstmMemory Network::Impl::make_lstm(int index, const Capacity& capacity, bool training) const {
    if (!kind(index).needs_memory()) return {};
    return compose::alloc_lstm(backend, graph.shape(node(index).inputs[0], capacity.batch, capacity.length),
                               layer(index).filters, node(index).directions, training);
}

Buffer Network::Impl::make_flat(const TailPlan& tail_plan, const Capacity& capacity) const {
    if (!tail_plan.flatten) return {};
    return backend.alloc({1, node(tail_plan.dense[0]).channels_in, capacity.batch});
}

void Network::Impl::backward_input(int index, const Codes& codes, const Pass& pass, const View& dy,
                                   bool parameters) {
    const std::vector<int>& inputs = node(index).inputs;
    const auto state_of = [&](int layer) -> LayerState& { return nth(pass.layers, layer); };
    const auto view_of = [&](const Buffer& buffer, int layer) {
        return buffer ? view(buffer, layer, codes) : View{};
    };
    // Named, since the step borrows them.
    const auto x = [&](std::size_t i) { return view_of(state_of(inputs[i]).output, inputs[i]); };
    const auto dx = [&](std::size_t i) {
        if (inputs[i] != kSequence) return view_of(state_of(inputs[i]).gradient, inputs[i]);
        return pass.bases.empty() ? View{} : nth(pass.bases, index).view(codes.batch, codes.length);
    };
    const auto accumulate = [&](std::size_t i) {
        return inputs[i] != kSequence && state_of(inputs[i]).written;
    };
    LayerState& s = state_of(index);
    const LayerParameters& at = pass.weights.at(index);
    const LayerParameters& to = pass.gradients.at(index);
    const int input = inputs[0];
    const BackwardStep step{.backend = backend,
                            .codes = codes,
                            .layer = layer(index),
                            .node = node(index),
                            .weight = slice(pass.weights.arena, at.weight),
                            .weight_hh = slice(pass.weights.arena, at.weight_hh),
                            .bias = slice(pass.weights.arena, at.bias),
                            .table = table(index, pass.weights),
                            .d_weight = slice(pass.gradients.arena, to.weight),
                            .d_weight_hh = slice(pass.gradients.arena, to.weight_hh),
                            .d_bias = slice(pass.gradients.arena, to.bias),
                            .d_table = is_sequence(input)
                                           ? slice(pass.gradients.arena, pass.gradients.at(input).weight)
                                           : Slice{},
                            .memory = &s.lstm,
                            .x = x,
                            .y = view_of(s.before ? s.before : s.output, index),
                            .dy = dy,
                            .dx = dx,
                            .accumulate = accumulate};
    if (parameters) kind(index).grad_parameters(step);
    kind(index).grad_input(step);
    for (const int from : inputs)
        if (from != kSequence) state_of(from).written = true;
}

}  // namespace regkit
