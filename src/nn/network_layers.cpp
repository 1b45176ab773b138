// What inference and training share: a layer's operation, and the buffers it works in.
#include "nn/network_impl.hpp"

namespace regkit {

Slice Network::Impl::embedding(int index, const Weights& weights) const {
    return layer(index).type == LayerType::one_hot ? one_hot.slice()
                                                   : slice(weights.arena, weights.at(index).weight);
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
    if (layer(index).type != LayerType::lstm) return {};
    return backend.alloc_lstm(graph.shape(node(index).inputs[0], capacity.batch, capacity.length),
                              layer(index).filters, node(index).directions, training);
}

LstmLayer Network::Impl::lstm(int index, const Weights& weights) const {
    const LayerParameters& at = weights.at(index);
    return {slice(weights.arena, at.weight), slice(weights.arena, at.weight_hh),
            slice(weights.arena, at.bias), layer(index).filters, node(index).directions};
}

Buffer Network::Impl::make_flat(const TailPlan& tail_plan, const Capacity& capacity) const {
    if (!tail_plan.flatten) return {};
    return backend.alloc({1, node(tail_plan.dense[0]).channels_in, capacity.batch});
}

void Network::Impl::run_layer(int index, const Codes& codes, const Weights& weights,
                              const std::function<View(int)>& x, LstmMemory& memory, bool relu,
                              const View& y) {
    const LayerSpec& l = layer(index);
    const Node& n = node(index);
    const LayerParameters& at = weights.at(index);
    const Slice weight = slice(weights.arena, at.weight), bias = slice(weights.arena, at.bias);
    const int input = n.inputs[0];
    switch (l.type) {
        case LayerType::conv:
            if (is_sequence(input))
                backend.sequence_conv(codes, embedding(input, weights), weight, bias, n.geometry, relu, y);
            else
                backend.conv(x(input), weight, bias, n.geometry, relu, y);
            break;
        case LayerType::dense:
            if (l.flatten)
                backend.flat_dense(x(input), weight, bias, relu, y);
            else
                backend.conv(x(input), weight, bias, ConvGeometry{}, relu, y);
            break;
        case LayerType::up_conv:
            backend.up_conv(x(input), weight, bias, l.stride, relu, y);
            break;
        case LayerType::pool:
            backend.pool(x(input), n.pool(), y);
            break;
        case LayerType::lstm:
            backend.lstm_layer(x(input), lstm(index, weights), memory, y);
            break;
        case LayerType::add:
            backend.norm_act(x(input), nullptr, false, {}, y);  // copies
            for (std::size_t i = 1; i < n.inputs.size(); ++i) backend.add(x(n.inputs[i]), y);
            if (relu) backend.norm_act(y, nullptr, true, {}, y);
            break;
        case LayerType::concat: {
            int begin = 0;
            for (const int from : n.inputs) {
                backend.copy_channels(x(from), 0, y, begin, node(from).channels, false);
                begin += node(from).channels;
            }
            if (relu) backend.norm_act(y, nullptr, true, {}, y);
            break;
        }
        case LayerType::one_hot:
            backend.embed(codes, one_hot.slice(), y);
            break;
        case LayerType::embedding:
            break;
    }
}

}  // namespace regkit
