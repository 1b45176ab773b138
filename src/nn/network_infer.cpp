// Inference: running statistics folded into the weights, outputs in shared buffers, then the fused tail.
#include "base/error.hpp"
#include "nn/network_impl.hpp"

namespace regkit {

void Network::Impl::refresh_inference() {
    if (inference.current) return;
    if (!inference.parameters) inference.parameters = backend.alloc_flat(layout.parameter_count());
    const std::vector<float> folded =
        fold_norms(spec, graph, layout, read(parameters, layout.parameter_count()),
                   read(statistics, layout.statistic_count()));
    backend.write(inference.parameters.slice(), std::span<const float>(folded));
    inference.current = true;
}

View Network::Impl::slot(int index, const Codes& codes) const {
    const auto number = static_cast<std::size_t>(plan.slot[static_cast<std::size_t>(index)]);
    return inference.slots[number].view(codes.batch, codes.length / node(index).scale);
}

void Network::Impl::infer_layer(int index, const Codes& codes) {
    const LayerSpec& l = layer(index);
    const Node& n = node(index);
    const LayerParameters& at = layout.layer(index);
    const Slice weight = slice(inference.parameters, at.weight), bias = slice(inference.parameters, at.bias);
    const View y = slot(index, codes);
    const int input = n.inputs[0];
    switch (l.type) {
        case LayerType::conv:
            if (is_embedding(input))
                backend.sequence_conv(codes, slice(inference.parameters, layout.layer(input).weight), weight,
                                      bias, n.geometry, l.relu, y);
            else
                backend.conv(slot(input, codes), weight, bias, n.geometry, l.relu, y);
            break;
        case LayerType::dense:
            backend.conv(slot(input, codes), weight, bias, ConvGeometry{}, l.relu, y);
            break;
        case LayerType::up_conv:
            backend.up_conv(slot(input, codes), weight, bias, l.stride, l.relu, y);
            break;
        case LayerType::pool:
            backend.pool(slot(input, codes), n.pool(), y);
            break;
        case LayerType::add:
            backend.norm_act(slot(input, codes), nullptr, false, {}, y);  // copies
            for (std::size_t i = 1; i < n.inputs.size(); ++i) backend.add(slot(n.inputs[i], codes), y);
            if (l.relu) backend.norm_act(y, nullptr, true, {}, y);
            break;
        case LayerType::embedding:
        case LayerType::one_hot:
        case LayerType::lstm:
        case LayerType::concat:
            break;
    }
}

void Network::Impl::infer(const Codes& codes, std::int64_t begin, std::int64_t end, TailOutput kind,
                          std::span<float> out) {
    check_window(codes);
    require(begin >= 0 && begin <= end && end <= codes.length && begin % graph.stride == 0 &&
                end % graph.stride == 0,
            ErrorKind::usage, "infer: the range must lie in the window and be a multiple of the stride");
    refresh_inference();
    inference.capacity.grow(codes, [&](const Capacity& capacity) {
        inference.slots.clear();  // first give back, then take
        for (const Plan::Slot& s : plan.slots)
            inference.slots.push_back(
                backend.alloc({capacity.batch, s.channels, capacity.length / s.scale}, s.halo));
    });
    for (const int index : plan.trunk) infer_layer(index, codes);
    const int stride = plan.tail.stride;
    backend.tail_infer(slot(plan.tail.input, codes), tail(inference.parameters), begin / stride, end / stride,
                       kind, out);
}

}  // namespace regkit
