// Forward, which positions differ; backward, which of them somebody wants.
#include "nn/cone.hpp"

#include <algorithm>
#include <numeric>

#include "kernels/base/arithmetic.hpp"
#include "nn/layers/kinds.hpp"

namespace regkit {
namespace {

std::int64_t ceil_of(std::int64_t a, std::int64_t b) {
    return -floor_div(-a, b);
}

Lattice span_lattice(std::int64_t first, std::int64_t end) {
    return {first, 1, std::max<std::int64_t>(0, end - first)};
}

// Where either has positions; side by side, all between. Where neither has, a place is kept: the border of
// what moved.
Lattice joined(const Lattice& a, const Lattice& b, bool dense) {
    if (dense) return span_lattice(std::min(a.first, b.first), std::max(a.end(), b.end()));
    if (a.count == 0 || b.count == 0) return a.count == 0 ? b : a;
    Lattice all{std::min(a.first, b.first), 0, 0};
    all.step =
        std::gcd(std::abs(a.first - b.first), std::gcd(a.count > 1 ? a.step : 0, b.count > 1 ? b.step : 0));
    all.step = std::max<std::int64_t>(all.step, 1);
    all.count = (std::max(a.end(), b.end()) - 1 - all.first) / all.step + 1;
    return all;
}

// The part of `all` in [wanted.low, wanted.high], in whole groups of `unit` positions side by side.
Lattice part_of(const Lattice& all, Span wanted, std::int64_t unit) {
    if (all.count == 0 || wanted.high < wanted.low) return {all.first, all.step, 0};
    const std::int64_t before = std::max<std::int64_t>(0, ceil_of(wanted.low - all.first, all.step));
    std::int64_t first = all.first + before * all.step;
    const std::int64_t last = std::min(all.end() - 1, wanted.high);
    if (last < first) return {first, all.step, 0};
    if (unit == 1) return {first, all.step, (last - first) / all.step + 1};
    first = floor_div(first, unit) * unit;
    return {first, 1, round_up(last + 1 - first, unit)};
}

}  // namespace

bool has_cones(const Spec& spec, const Graph& graph, const Plan& plan) {
    if (graph.fixed_window || plan.tails.back().flatten) return false;
    return std::all_of(plan.inference.begin(), plan.inference.end(), [&](int index) {
        const Node& node = nth(graph.nodes, index);
        const LayerSpec& layer = nth(spec.layers, index);
        return !node.flat && kind_of(layer).reach(layer, node, {0, 0}).has_value();
    });
}

std::vector<LayerCone> cone_of(const Spec& spec, const Graph& graph, const Plan& plan,
                               const BaseChange& change, Span wanted) {
    std::vector<LayerCone> cones(spec.layers.size());
    std::vector<Span> needed(spec.layers.size(), {0, -1});
    const Lattice bases = span_lattice(change.begin, change.end);
    for (const int index : plan.inference) {
        const LayerSpec& layer = nth(spec.layers, index);
        const Node& node = nth(graph.nodes, index);
        Lattice in = bases;
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            const int from = node.inputs[i];
            const bool is_bases = from == kSequence || kind_of(nth(spec.layers, from)).reads_sequence();
            const Lattice& more = is_bases ? bases : nth(cones, from).reached;
            in = i == 0 ? more : joined(in, more, change.moved);
        }
        nth(cones, index).reached = kind_of(layer).readers(layer, node, in, change.moved);
    }
    nth(needed, plan.tails.back().input) = wanted;
    for (auto at = plan.inference.rbegin(); at != plan.inference.rend(); ++at) {
        const LayerSpec& layer = nth(spec.layers, *at);
        const Node& node = nth(graph.nodes, *at);
        LayerCone& cone = nth(cones, *at);
        const Span need = nth(needed, *at);
        const bool up = kind_of(layer).upsamples();
        cone.computed = part_of(cone.reached, need, up ? layer.stride : 1);
        if (need.high < need.low) continue;
        const Span reads = *kind_of(layer).reach(layer, node, need);
        for (const int from : node.inputs) {
            if (from == kSequence) continue;
            Span& input = nth(needed, from);
            input = input.high < input.low
                        ? reads
                        : Span{std::min(input.low, reads.low), std::max(input.high, reads.high)};
        }
    }
    return cones;
}

}  // namespace regkit
