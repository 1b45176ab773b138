// From each head the walk goes back over dense layers with ReLU, and an up-convolution behind them, as long
// as nothing else reads them: that is the tail. What is left is the trunk; of it inference runs only what the
// prediction depends on, and an output's buffer is used again once its last reader has run. A layer's halo is
// what the convolutions that read it pad.
#include "nn/plan.hpp"

#include <algorithm>
#include <iterator>

#include "nn/layers/kinds.hpp"

namespace regkit {
namespace {

std::size_t at(int index) {
    return static_cast<std::size_t>(index);
}

bool same_shape(const Node& a, const Node& b) {
    return a.channels == b.channels && a.scale == b.scale && a.length == b.length && a.flat == b.flat;
}

// Layers with an output of their own, in order, that no tail contains.
std::vector<int> find_trunk(const Spec& spec, const Graph& graph, const std::vector<TailPlan>& tails) {
    std::vector<bool> in_tail(spec.layers.size());
    std::vector<bool> flattened(spec.layers.size());
    for (const TailPlan& tail : tails) {
        if (tail.up >= 0) in_tail[at(tail.up)] = true;
        for (const int layer : tail.dense) in_tail[at(layer)] = true;
        if (tail.flatten) flattened[at(tail.input)] = true;
    }
    for (std::size_t i = 0; i < spec.layers.size(); ++i)
        if (spec.layers[i].flatten && !in_tail[i]) flattened[at(graph.nodes[i].inputs[0])] = true;
    std::vector<int> trunk;
    for (int layer = 0; layer < static_cast<int>(spec.layers.size()); ++layer)
        if (!in_tail[at(layer)] &&
            (!kind_of(spec.layers[at(layer)]).reads_sequence() || flattened[at(layer)]))
            trunk.push_back(layer);
    return trunk;
}

// The layers that `layer` depends on, itself included.
std::vector<int> ancestors(const Graph& graph, int layer) {
    std::vector<bool> needed(graph.nodes.size());
    needed[at(layer)] = true;
    for (int i = layer; i >= 0; --i)
        if (needed[at(i)])
            for (const int input : graph.nodes[at(i)].inputs)
                if (input != kSequence) needed[at(input)] = true;
    std::vector<int> chosen;
    for (int i = 0; i <= layer; ++i)
        if (needed[at(i)]) chosen.push_back(i);
    return chosen;
}

// Both ascending.
std::vector<int> in_both(const std::vector<int>& a, const std::vector<int>& b) {
    std::vector<int> both;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
    return both;
}

// Assigns buffers to the outputs that inference needs: a buffer is free again once the last reader of its
// content has run. The tail's input is read after all of them.
void assign_slots(const Graph& graph, Plan& plan) {
    plan.slot.assign(graph.nodes.size(), -1);
    std::vector<int> last_reader(graph.nodes.size(), -1);
    for (const int layer : plan.inference)
        for (const int input : graph.nodes[at(layer)].inputs)
            if (input != kSequence) last_reader[at(input)] = layer;
    last_reader[at(plan.tails.back().input)] = -1;
    std::vector<bool> busy;
    for (const int layer : plan.inference) {
        const Node& node = graph.nodes[at(layer)];
        int chosen = -1;
        for (std::size_t s = 0; s < plan.slots.size() && chosen < 0; ++s)
            if (!busy[s] && same_shape(graph.nodes[at(plan.slots[s].layer)], node))
                chosen = static_cast<int>(s);
        if (chosen < 0) {
            chosen = static_cast<int>(plan.slots.size());
            plan.slots.push_back({layer, {}});
            busy.push_back(false);
        }
        busy[at(chosen)] = true;
        plan.slot[at(layer)] = chosen;
        Halo& halo = plan.slots[at(chosen)].halo;
        halo = {std::max(halo.left, plan.halo[at(layer)].left),
                std::max(halo.right, plan.halo[at(layer)].right)};
        for (const int input : node.inputs) {
            const int from = input == kSequence ? -1 : plan.slot[at(input)];
            if (from >= 0 && last_reader[at(input)] == layer) busy[at(from)] = false;
        }
    }
}

}  // namespace

TailPlan head_alone(const Spec& spec, const Graph& graph, int head) {
    TailPlan tail;
    tail.dense = {head};
    tail.input = graph.nodes[at(head)].inputs[0];
    tail.flatten = spec.layers[at(head)].flatten;
    return tail;
}

TailPlan find_tail(const Spec& spec, const Graph& graph, int head) {
    TailPlan tail = head_alone(spec, graph, head);
    if (tail.flatten) return tail;
    const auto joins = [&](TailRole role) {
        const LayerSpec& layer = spec.layers[at(tail.input)];
        return kind_of(layer).tail_role(layer) == role && layer.relu &&
               graph.nodes[at(tail.input)].consumers.size() == 1;
    };
    while (static_cast<int>(tail.dense.size()) < kMaxDense && joins(TailRole::dense)) {
        tail.dense.insert(tail.dense.begin(), tail.input);
        tail.input = graph.nodes[at(tail.input)].inputs[0];
    }
    if (joins(TailRole::up)) {
        tail.up = tail.input;
        tail.stride = spec.layers[at(tail.up)].stride;
        tail.input = graph.nodes[at(tail.up)].inputs[0];
    }
    return tail;
}

Plan make_plan(const Spec& spec, const Graph& graph, bool fused) {
    const std::size_t layers = spec.layers.size();
    Plan plan;
    plan.interleave.assign(layers, 1);
    for (const int head : graph.heads) {
        const TailPlan natural = find_tail(spec, graph, head);
        plan.tails.push_back(fused ? natural : head_alone(spec, graph, head));
        // Both ways of running the tail must draw the same dropout.
        if (natural.up >= 0) plan.interleave[at(natural.up)] = static_cast<std::uint32_t>(natural.stride);
        for (const int layer : natural.dense)
            plan.interleave[at(layer)] = static_cast<std::uint32_t>(natural.stride);
    }
    plan.trunk = find_trunk(spec, graph, plan.tails);
    plan.ancestors = ancestors(graph, graph.head);
    plan.inference = in_both(plan.trunk, ancestors(graph, plan.tails.back().input));
    plan.halo.resize(layers);
    plan.gradient_halo.resize(layers);
    for (const int layer : plan.trunk) {
        const Node& node = graph.nodes[at(layer)];
        const int input = node.inputs[0];
        // A convolution that looks its sums up in a sequence layer's table reads no row.
        if (input == kSequence || kind_of(spec.layers[at(input)]).reads_sequence()) continue;
        const Layer& kind = kind_of(spec.layers[at(layer)]);
        plan.gradient_halo[at(layer)] = kind.gradient_halo(node);
        const Halo reads = kind.input_halo(node);
        Halo& halo = plan.halo[at(input)];
        halo = {std::max(halo.left, reads.left), std::max(halo.right, reads.right)};
    }
    assign_slots(graph, plan);
    return plan;
}

}  // namespace regkit
