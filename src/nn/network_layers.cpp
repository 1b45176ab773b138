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
    return compose::alloc_lstm(backend, graph.shape(node(index).inputs[0], capacity.batch, capacity.length),
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
                backend(SequenceConv{.codes = codes,
                                     .embedding = embedding(input, weights),
                                     .weight = weight,
                                     .bias = bias,
                                     .geometry = n.geometry,
                                     .relu = relu,
                                     .y = y});
            else
                backend(Conv{.x = x(input),
                             .weight = weight,
                             .bias = bias,
                             .geometry = n.geometry,
                             .relu = relu,
                             .y = y});
            break;
        case LayerType::dense:
            if (l.flatten)
                backend(FlatDense{.x = x(input), .weight = weight, .bias = bias, .relu = relu, .y = y});
            else
                backend(Conv{.x = x(input), .weight = weight, .bias = bias, .relu = relu, .y = y});
            break;
        case LayerType::up_conv:
            backend(UpConv{
                .x = x(input), .weight = weight, .bias = bias, .stride = l.stride, .relu = relu, .y = y});
            break;
        case LayerType::pool:
            backend(Pool{.x = x(input), .geometry = n.pool(), .y = y});
            break;
        case LayerType::lstm:
            compose::lstm(backend,
                          Lstm{.x = x(input), .layer = lstm(index, weights), .memory = &memory, .y = y});
            break;
        case LayerType::add:
            backend(NormAct{.x = x(input), .y = y});  // copies
            for (std::size_t i = 1; i < n.inputs.size(); ++i) backend(Add{.x = x(n.inputs[i]), .y = y});
            if (relu) backend(NormAct{.x = y, .relu = true, .y = y});
            break;
        case LayerType::concat: {
            int begin = 0;
            for (const int from : n.inputs) {
                backend(CopyChannels{.x = x(from), .y = y, .y_begin = begin, .count = node(from).channels});
                begin += node(from).channels;
            }
            if (relu) backend(NormAct{.x = y, .relu = true, .y = y});
            break;
        }
        case LayerType::one_hot:
            backend(Embed{.codes = codes, .embedding = one_hot.slice(), .y = y});
            break;
        case LayerType::embedding:
            break;
    }
}

}  // namespace regkit
