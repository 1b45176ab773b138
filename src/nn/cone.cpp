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

std::int64_t reach_of(const ConvGeometry& g) {
    return std::int64_t{g.width - 1} * g.dilation;
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

// Positions that read one of `in`.
Lattice readers(const Layer& kind, const LayerSpec& layer, const Node& node, const Lattice& in, bool moved) {
    if (kind.upsamples()) return span_lattice(in.first * layer.stride, in.end() * layer.stride);
    const ConvGeometry& g = node.geometry;
    const std::int64_t first = ceil_of(in.first + g.pad_left - reach_of(g), g.stride);
    if (in.count == 0 && !moved) return {first, 1, 0};
    const std::int64_t end = floor_div(in.end() - 1 + g.pad_left, g.stride) + 1;
    if (moved || g.stride > 1) return span_lattice(first, end);
    Lattice out{first, 1, 0};
    if (g.width == 1)
        out.step = in.step;
    else
        out.step = std::gcd(in.count > 1 ? in.step : 0, std::int64_t{g.dilation});
    out.count = (end - 1 - first) / out.step + 1;
    return out;
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
        nth(cones, index).reached = readers(kind_of(layer), layer, node, in, change.moved);
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

ConeStep cone_step(const Layer& kind, const LayerSpec& layer, const Node& node, const Lattice& out) {
    if (kind.upsamples())
        return {{floor_div(out.first, layer.stride), 1, out.count / layer.stride}, node.geometry};
    const ConvGeometry& g = node.geometry;
    const std::int64_t first = out.first * g.stride - g.pad_left;
    if (g.stride > 1)
        return {{first, 1, (out.count - 1) * g.stride + reach_of(g) + 1},
                {g.width, g.stride, g.dilation, 0, 0}};
    const int apart = g.width > 1 ? static_cast<int>(g.dilation / out.step) : 1;
    return {{first, out.step, out.count + std::int64_t{g.width - 1} * apart}, {g.width, 1, apart, 0, 0}};
}

}  // namespace regkit
