// Parameters, stride and context of a spec.
#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "nn/graph.hpp"
#include "nn/parameters.hpp"

namespace regkit {
namespace {

struct Interval {
    std::int64_t low, high;  // inclusive
};

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

// Positions of a layer's input that positions `out` of its output depend on.
Interval reach(const LayerSpec& layer, const Node& node, Interval out) {
    switch (layer.type) {
        case LayerType::conv:
        case LayerType::pool: {
            const ConvGeometry& g = node.geometry;
            return {out.low * g.stride - g.pad_left,
                    out.high * g.stride - g.pad_left + std::int64_t{g.width - 1} * g.dilation};
        }
        case LayerType::up_conv:
            return {floor_div(out.low, layer.stride), floor_div(out.high, layer.stride)};
        default:
            return out;
    }
}

// Bases that the output at base `position` depends on, from the head back to the sequence.
Interval bases(const Spec& spec, const Graph& graph, std::int64_t position) {
    std::vector<std::optional<Interval>> needed(spec.layers.size());
    needed[static_cast<std::size_t>(graph.head)] = Interval{position, position};
    Interval sequence{position, position};
    for (std::size_t i = spec.layers.size(); i-- > 0;) {
        if (!needed[i]) continue;
        const Interval in = reach(spec.layers[i], graph.nodes[i], *needed[i]);
        for (const int input : graph.nodes[i].inputs) {
            if (input == kSequence) {
                sequence = {std::min(sequence.low, in.low), std::max(sequence.high, in.high)};
                continue;
            }
            auto& slot = needed[static_cast<std::size_t>(input)];
            slot = slot ? Interval{std::min(slot->low, in.low), std::max(slot->high, in.high)} : in;
        }
    }
    return sequence;
}

}  // namespace

SpecSummary summarise(const Spec& spec, int markers) {
    const Graph graph = resolve(spec, markers, spec.name);
    SpecSummary summary;
    summary.parameters = ParameterLayout(spec, graph).parameter_count();
    summary.stride = graph.stride;
    for (std::int64_t phase = 0; phase < graph.stride; ++phase) {
        const Interval span = bases(spec, graph, phase);
        summary.context_left = std::max(summary.context_left, phase - span.low);
        summary.context_right = std::max(summary.context_right, span.high - phase);
        summary.span = std::max(summary.span, span.high - span.low + 1);
    }
    return summary;
}

}  // namespace regkit
