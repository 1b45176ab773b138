// Parameters, stride and context of a spec.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/graph.hpp"
#include "nn/layers/kinds.hpp"
#include "nn/parameters.hpp"

namespace regkit {
namespace {

constexpr double kMaxVisits =
    1 << 24;  // of layers, while their phases are followed back: a fraction of a second

// Follows outputs back to the sequence.
class Reach {
  public:
    Reach(const Spec& spec, const Graph& graph)
        : spec_(spec), graph_(graph), needed_(spec.layers.size()), up_(spec.layers.size()) {
        double visits = 0;
        for (std::size_t i = 0; i < spec.layers.size(); ++i) {
            up_[i] = kind_of(spec.layers[i]).upsamples();
            for (const int input : graph.nodes[i].inputs)
                if (input != kSequence && nth(up_, input)) up_[i] = true;
            visits += static_cast<double>(phases(i)) * static_cast<double>(i + 1);
            if (visits > kMaxVisits)
                throw Error(ErrorKind::input, spec.name + ": layer '" + spec.layers[i].name +
                                                  "': its outputs come in " + std::to_string(phases(i)) +
                                                  " phases, more than can be followed back");
        }
    }

    // Positions of a layer after which its dependence on the sequence repeats. Without an up-convolution all
    // are alike.
    std::int64_t phases(std::size_t layer) const {
        return graph_.fixed_window || !up_[layer] ? 1 : graph_.stride / graph_.nodes[layer].scale;
    }

    // Bases that output `position` of layer `from` depends on; none where that is the whole window, through
    // an LSTM or a dense layer that flattens.
    std::optional<Span> bases(std::size_t from, std::int64_t position) {
        std::fill(needed_.begin(), needed_.begin() + static_cast<std::ptrdiff_t>(from) + 1, std::nullopt);
        needed_[from] = Span{position, position};
        Span sequence{position, position};
        bool any = false;
        for (std::size_t i = from + 1; i-- > 0;) {
            if (!needed_[i]) continue;
            const LayerSpec& layer = spec_.layers[i];
            const std::optional<Span> read = kind_of(layer).reach(layer, graph_.nodes[i], *needed_[i]);
            if (!read) return std::nullopt;
            const Span in = *read;
            for (const int input : graph_.nodes[i].inputs) {
                if (input == kSequence) {
                    sequence =
                        any ? Span{std::min(sequence.low, in.low), std::max(sequence.high, in.high)} : in;
                    any = true;
                    continue;
                }
                auto& slot = nth(needed_, input);
                slot = slot ? Span{std::min(slot->low, in.low), std::max(slot->high, in.high)} : in;
            }
        }
        return sequence;
    }

  private:
    const Spec& spec_;
    const Graph& graph_;
    std::vector<std::optional<Span>> needed_;
    std::vector<bool> up_;
};

}  // namespace

SpecSummary summarise(const Spec& spec, int markers) {
    const Graph graph = resolve(spec, markers, spec.name);
    const Node& head = nth(graph.nodes, graph.head);
    SpecSummary summary;
    summary.parameters = ParameterLayout(spec, graph).parameter_count();
    summary.stride = graph.stride;
    summary.scale = graph.fixed_window ? spec.window / head.length : head.scale;
    summary.outputs = head.length;
    summary.fixed_window = graph.fixed_window;
    summary.finite_context = graph.finite_context;
    if (graph.fixed_window || !graph.finite_context) {
        summary.context_left = summary.context_right = summary.span = spec.window;
        return summary;
    }
    Reach reach(spec, graph);
    const auto last = static_cast<std::size_t>(graph.head);
    for (std::int64_t position = 0; position < reach.phases(last); ++position) {
        const Span span = *reach.bases(last, position);
        const std::int64_t first = position * head.scale, end = first + head.scale;
        summary.context_left = std::max(summary.context_left, first - span.low);
        summary.context_right = std::max(summary.context_right, span.high + 1 - end);
        summary.span = std::max(summary.span, span.high - span.low + 1);
    }
    return summary;
}

std::vector<LayerDescription> describe(const Spec& spec, int markers) {
    const Graph graph = resolve(spec, markers, spec.name);
    const ParameterLayout layout(spec, graph);
    Reach reach(spec, graph);
    std::vector<LayerDescription> rows;
    for (std::size_t i = 0; i < spec.layers.size(); ++i) {
        const LayerSpec& layer = spec.layers[i];
        const Node& node = graph.nodes[i];
        const LayerParameters& at = layout.layer(static_cast<int>(i));
        LayerDescription row;
        row.name = layer.name;
        row.type = kind_of(layer).name();
        for (const std::string& from : layer.from) row.from += (row.from.empty() ? "" : ",") + from;
        row.shape = std::to_string(node.channels) + " x " + std::to_string(node.length);
        row.parameters = at.gamma.count + at.beta.count;
        if (node.weights == static_cast<int>(i))
            row.parameters += at.weight.count + at.weight_hh.count + at.bias.count;
        for (std::int64_t position = 0; position < reach.phases(i); ++position) {
            const std::optional<Span> span = reach.bases(i, position);
            row.receptive_field = span ? std::max(row.receptive_field, span->high - span->low + 1) : 0;
            if (!span) break;
        }
        row.flops_per_base = kind_of(layer).flops(layer, node) / static_cast<double>(spec.window);
        rows.push_back(row);
    }
    return rows;
}

}  // namespace regkit
