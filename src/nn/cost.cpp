// Estimates for the CPU back end, on the high side: rows are padded there, strided convolutions copy their
// input, and tables of the first layer are larger than its weights. test/tools/hostile_specs.py measures what
// accepted models really take.
#include "nn/cost.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/graph.hpp"
#include "nn/layers/kinds.hpp"
#include "nn/parameters.hpp"
#include "nn/plan.hpp"

namespace regkit {
namespace {

constexpr double kMaxBytes = 160.0 * (1 << 20);
constexpr double kMaxSeconds = 2.5;
constexpr double kBases = 100;  // of the first prediction

class Estimate {
  public:
    Estimate(const Spec& spec, int markers)
        : spec_(spec),
          markers_(markers),
          graph_(resolve(spec, markers, spec.name)),
          layout_(spec, graph_),
          plan_(make_plan(spec, graph_, true)),
          costs_(spec.layers.size()) {
        const SpecSummary summary = summarise(spec, markers);
        if (graph_.fixed_window || !graph_.finite_context) {
            bases_ = static_cast<double>(spec.window);
        } else {
            const double stride = summary.stride;
            bases_ = static_cast<double>(summary.context_left + summary.context_right) + kBases + 4 * stride;
        }
        for (const int layer : plan_.inference) add_trunk(layer);
        for (const Plan::Slot& slot : plan_.slots)
            cost(slot.layer).kept += row(slot.layer, slot.halo) * channels(slot.layer) * 4;
        add_tail();
        for (std::size_t i = 0; i < spec.layers.size(); ++i) {
            const LayerParameters& at = layout_.layer(static_cast<int>(i));
            const auto weights = static_cast<double>(at.weight.count + at.weight_hh.count + at.bias.count);
            costs_[i].seconds += 4 * weights / kElementsPerSecond;  // folded and packed
            // Layers that share weights have a copy each in inference.
            if (graph_.nodes[i].weights != static_cast<int>(i)) costs_[i].kept += 2 * 4 * weights;
        }
    }

    void require_parameters(const std::string& source) const {
        std::int64_t total = 0;
        for (std::size_t i = 0; i < spec_.layers.size(); ++i) {
            const LayerParameters& at = layout_.layer(static_cast<int>(i));
            if (graph_.nodes[i].weights != static_cast<int>(i)) continue;
            total += at.weight.count + at.weight_hh.count + at.bias.count;
            if (total > kMaxParameters)
                fail(source, i,
                     "with it the model has " + std::to_string(total) + " weights; at most " +
                         std::to_string(kMaxParameters) + " can be");
        }
    }

    void require_affordable(const std::string& source) const {
        double bytes = bases_ * 8, scratch = 0, seconds = 0;
        std::size_t largest = 0, slowest = 0;
        for (std::size_t i = 0; i < costs_.size(); ++i) {
            bytes += costs_[i].kept;
            scratch = std::max(scratch, costs_[i].scratch);
            seconds += costs_[i].seconds;
            if (costs_[i].kept + costs_[i].scratch > costs_[largest].kept + costs_[largest].scratch)
                largest = i;
            if (costs_[i].seconds > costs_[slowest].seconds) slowest = i;
        }
        bytes += scratch;
        char amount[64];
        const std::string reads =
            "the first prediction reads " + text(bases_) + " bases and would take about ";
        if (!(bytes <= kMaxBytes)) {
            std::snprintf(amount, sizeof amount, "%.4g MiB", bytes / (1 << 20));
            fail(source, largest,
                 "takes too much memory: " + reads + amount + " beside the weights; at most 160 MiB can be");
        }
        if (!(seconds <= kMaxSeconds)) {
            std::snprintf(amount, sizeof amount, "%.4g s", seconds);
            fail(source, slowest, "takes too long: " + reads + amount + "; at most 2.5 s can be");
        }
    }

  private:
    const Node& node(int layer) const { return nth(graph_.nodes, layer); }
    LayerCost& cost(int layer) { return nth(costs_, layer); }
    double channels(int layer) const { return node(layer).channels; }
    double positions(int layer) const {
        const Node& n = node(layer);
        if (n.flat) return 1;
        return graph_.fixed_window ? static_cast<double>(n.length) : bases_ / n.scale + 1;
    }
    double row(int layer, Halo halo) const {
        return static_cast<double>(halo.left) + positions(layer) + static_cast<double>(halo.right) +
               kRowPadding;
    }
    static std::string text(double value) { return std::to_string(static_cast<std::int64_t>(value)); }

    void add_trunk(int layer) {
        const LayerSpec& l = nth(spec_.layers, layer);
        const Node& n = node(layer);
        const int input = n.inputs[0];
        const LayerExtent extent{
            .layer = l,
            .node = n,
            .bases = bases_,
            .read = input == kSequence ? bases_ : positions(input),
            .length = positions(layer),
            .looks_up = input != kSequence && kind_of(nth(spec_.layers, input)).reads_sequence()};
        cost(layer).seconds += 4 * extent.out() * extent.length / kElementsPerSecond;
        kind_of(l).estimate(extent, cost(layer));
    }

    void add_tail() {
        const TailPlan& tail = plan_.tails.back();
        const int head = tail.dense.back();
        const Node& last = node(head);
        const double wanted = last.flat             ? 1
                              : graph_.fixed_window ? static_cast<double>(last.length)
                                                    : (kBases + 4.0 * graph_.stride) / last.scale;
        std::vector<int> layers = tail.dense;
        if (tail.up >= 0) layers.push_back(tail.up);
        for (const int layer : layers) {
            const Node& n = node(layer);
            cost(layer).seconds += products(n.channels_in, n.channels, wanted);
            // Of a block of positions each; of the markers 96 at a time.
            const double columns = std::max(512.0, 32.0 * tail.stride);
            cost(layer).scratch +=
                kWorkers * 4 * columns * std::min(n.channels, layer == head ? 96 : n.channels);
        }
        cost(head).kept += 3 * 4.0 * markers_ * wanted;
        // A row a value, and a block of such rows: padded to whole vectors and blocks, however few windows
        // there are.
        if (tail.flatten) cost(head).kept += 4 * (kRowPadding + 320) * node(tail.dense[0]).channels_in;
    }

    [[noreturn]] void fail(const std::string& source, std::size_t layer, const std::string& what) const {
        throw Error(ErrorKind::input, source + ": layer '" + spec_.layers[layer].name + "': " + what);
    }

    const Spec& spec_;
    int markers_;
    Graph graph_;
    ParameterLayout layout_;
    Plan plan_;
    double bases_ = 0;
    std::vector<LayerCost> costs_;
};

}  // namespace

void require_affordable(const Spec& spec, int markers, const std::string& source) {
    Spec named = spec;
    named.name = source;  // what the messages of resolve and summarise begin with
    const Estimate estimate(named, markers);
    estimate.require_parameters(source);
    estimate.require_affordable(source);
}

}  // namespace regkit
