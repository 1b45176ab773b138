#include "nn/plan.hpp"

#include <algorithm>

namespace regkit {
namespace {

std::size_t at(int index) {
    return static_cast<std::size_t>(index);
}

// Assigns buffers to the trunk's outputs: a buffer is free again once the last reader of its content has run.
void assign_slots(const Graph& graph, Plan& plan) {
    plan.slot.assign(graph.nodes.size(), -1);
    std::vector<bool> busy;
    for (const int layer : plan.trunk) {
        const Node& node = graph.nodes[at(layer)];
        int chosen = -1;
        for (std::size_t s = 0; s < plan.slots.size() && chosen < 0; ++s)
            if (!busy[s] && plan.slots[s].channels == node.channels && plan.slots[s].scale == node.scale)
                chosen = static_cast<int>(s);
        if (chosen < 0) {
            chosen = static_cast<int>(plan.slots.size());
            plan.slots.push_back({node.channels, node.scale, {}});
            busy.push_back(false);
        }
        busy[at(chosen)] = true;
        plan.slot[at(layer)] = chosen;
        Halo& halo = plan.slots[at(chosen)].halo;
        halo = {std::max(halo.left, plan.halo[at(layer)].left),
                std::max(halo.right, plan.halo[at(layer)].right)};
        for (const int input : node.inputs) {
            const int from = input == kSequence ? -1 : plan.slot[at(input)];
            if (from >= 0 && graph.nodes[at(input)].consumers.back() == layer) busy[at(from)] = false;
        }
    }
}

}  // namespace

TailPlan head_alone(const Graph& graph) {
    TailPlan tail;
    tail.dense = {graph.head};
    tail.input = graph.nodes[at(graph.head)].inputs[0];
    return tail;
}

TailPlan find_tail(const Spec& spec, const Graph& graph) {
    TailPlan tail = head_alone(graph);
    const auto joins = [&](LayerType type) {
        const LayerSpec& layer = spec.layers[at(tail.input)];
        return layer.type == type && layer.relu && graph.nodes[at(tail.input)].consumers.size() == 1;
    };
    while (static_cast<int>(tail.dense.size()) < kMaxDense && joins(LayerType::dense)) {
        tail.dense.insert(tail.dense.begin(), tail.input);
        tail.input = graph.nodes[at(tail.input)].inputs[0];
    }
    if (joins(LayerType::up_conv)) {
        tail.up = tail.input;
        tail.stride = spec.layers[at(tail.up)].stride;
        tail.input = graph.nodes[at(tail.up)].inputs[0];
    }
    return tail;
}

Plan make_plan(const Spec& spec, const Graph& graph, bool fused) {
    const std::size_t layers = spec.layers.size();
    Plan plan;
    const TailPlan natural = find_tail(spec, graph);
    plan.tail = fused ? natural : head_alone(graph);
    // Both ways of running the tail must draw the same dropout.
    plan.interleave.assign(layers, 1);
    if (natural.up >= 0) plan.interleave[at(natural.up)] = static_cast<std::uint32_t>(natural.stride);
    for (const int layer : natural.dense)
        plan.interleave[at(layer)] = static_cast<std::uint32_t>(natural.stride);

    for (int layer = 0; layer <= plan.tail.input; ++layer)
        if (spec.layers[at(layer)].type != LayerType::embedding) plan.trunk.push_back(layer);
    plan.halo.resize(layers);
    plan.gradient_halo.resize(layers);
    for (const int layer : plan.trunk) {
        const Node& node = graph.nodes[at(layer)];
        const bool reads_layer = spec.layers[at(layer)].type == LayerType::conv &&
                                 spec.layers[at(node.inputs[0])].type != LayerType::embedding;
        if (!reads_layer) continue;
        if (node.geometry.stride == 1) plan.gradient_halo[at(layer)] = node.geometry.gradient_halo();
        Halo& halo = plan.halo[at(node.inputs[0])];
        halo = {std::max<std::int64_t>(halo.left, node.geometry.pad_left),
                std::max<std::int64_t>(halo.right, node.geometry.pad_right)};
    }
    assign_slots(graph, plan);
    return plan;
}

}  // namespace regkit
