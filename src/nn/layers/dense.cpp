// Dense layer: at every position a sum over the channels there, which is a convolution of width 1; or, with
// `flatten`, over all positions of the window at once. Without `filters` it has one output a marker, as a
// head needs.
#include "nn/layers/kinds.hpp"

namespace regkit {
namespace {

class DenseLayer final : public Layer {
  public:
    const char* name() const override { return "dense"; }
    Keys optional_keys() const override {
        return {Key::filters, Key::weights, Key::flatten, Key::norm, Key::relu, Key::dropout};
    }

    bool is_pointwise(const LayerSpec& layer) const override { return !layer.flatten; }
    TailRole tail_role(const LayerSpec& layer) const override {
        return layer.flatten ? TailRole::none : TailRole::dense;
    }
    bool gives_markers(const LayerSpec& layer) const override { return layer.filters == 0; }
    void shape(const Shaping& s) const override {
        s.check(!s.layer.norm || s.layer.flatten,
                "only a convolution, an up-convolution or a dense layer with 'flatten' has batch norm");
        Node& n = s.node;
        if (n.channels == 0) n.channels = s.markers;
        if (!s.layer.flatten) return;
        s.check(n.length * n.channels_in <= kMaxReach, "flattens too many positions");
        n.channels_in = static_cast<int>(n.length * n.channels_in);
        n.scale = 1;
        n.length = 1;
        n.flat = true;
    }
    std::optional<Span> reach(const LayerSpec& layer, const Node&, Span out) const override {
        return layer.flatten ? std::nullopt : std::optional(out);
    }

    std::vector<TensorSpec> tensors(const LayerSpec&, const Node& node) const override {
        return weight_and_bias({node.channels, node.channels_in}, 0, node.channels_in);
    }

    double flops(const LayerSpec&, const Node& node) const override {
        return 2.0 * node.channels_in * node.channels * static_cast<double>(node.length);
    }
    void estimate(const LayerExtent& e, LayerCost& cost) const override {
        cost.seconds += products(e.in(), e.out(), e.length);
    }

    void forward(const ForwardStep& s) const override {
        if (s.layer.flatten)
            s.backend(FlatDense{.x = s.x(0), .weight = s.weight, .bias = s.bias, .relu = s.relu, .y = s.y});
        else
            s.backend(Conv{.x = s.x(0), .weight = s.weight, .bias = s.bias, .relu = s.relu, .y = s.y});
    }
    void grad_parameters(const BackwardStep& s) const override {
        if (s.layer.flatten)
            s.backend(
                FlatDenseGradWeight{.x = s.x(0), .dy = s.dy, .d_weight = s.d_weight, .d_bias = s.d_bias});
        else
            s.backend(ConvGradWeight{.x = s.x(0), .dy = s.dy, .d_weight = s.d_weight, .d_bias = s.d_bias});
    }
    void grad_input(const BackwardStep& s) const override {
        const View dx = s.dx(0);
        if (!dx.data) return;
        if (s.layer.flatten)
            s.backend(
                FlatDenseGradInput{.dy = s.dy, .weight = s.weight, .accumulate = s.accumulate(0), .dx = dx});
        else
            s.backend(ConvGradInput{.dy = s.dy, .weight = s.weight, .accumulate = s.accumulate(0), .dx = dx});
    }
};

}  // namespace

const Layer& dense_layer() {
    static constexpr DenseLayer layer;
    return layer;
}

}  // namespace regkit
