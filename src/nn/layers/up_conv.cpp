// Up-convolution whose width is its stride: each position of its input becomes `stride` positions, each with
// weights of its own. Without overlap, so that a position depends on one of the input's.
#include "kernels/base/arithmetic.hpp"
#include "nn/layers/kinds.hpp"

namespace regkit {
namespace {

class UpConvLayer final : public Layer {
  public:
    const char* name() const override { return "up_conv"; }
    Keys required_keys() const override { return {Key::filters, Key::stride}; }
    Keys optional_keys() const override { return {Key::weights, Key::norm, Key::relu, Key::dropout}; }

    bool upsamples() const override { return true; }
    TailRole tail_role(const LayerSpec&) const override { return TailRole::up; }
    void shape(const Shaping& s) const override {
        const int stride = s.layer.stride;
        Node& n = s.node;
        if (!s.fixed_window && n.scale % stride != 0)
            s.fail("up-samples by " + std::to_string(stride) + " where a position stands for " +
                   std::to_string(n.scale) + " bases");
        s.check(n.length <= kMaxReach / stride, "gives too many positions");
        n.scale = std::max(1, n.scale / stride);
        n.length *= stride;
    }
    std::optional<Span> reach(const LayerSpec& layer, const Node&, Span out) const override {
        return Span{floor_div(out.low, layer.stride), floor_div(out.high, layer.stride)};
    }
    Lattice readers(const LayerSpec& layer, const Node&, const Lattice& in, bool) const override {
        return {in.first * layer.stride, 1, (in.end() - in.first) * layer.stride};
    }
    LocalRow local_row(const LayerSpec& layer, const Node& node, const Lattice& out) const override {
        return {{floor_div(out.first, layer.stride), 1, out.count / layer.stride}, node.geometry};
    }

    std::vector<TensorSpec> tensors(const LayerSpec& layer, const Node& node) const override {
        // One output is a sum over the input's channels, whatever the stride.
        return weight_and_bias({node.channels_in, node.channels, layer.stride}, 1, node.channels_in);
    }

    double flops(const LayerSpec&, const Node& node) const override {
        return 2.0 * node.channels_in * node.channels * static_cast<double>(node.length);
    }
    void estimate(const LayerExtent& e, LayerCost& cost) const override {
        cost.seconds += products(e.in(), e.out() * e.layer.stride, e.read);
        cost.scratch += 4 * e.out() * (e.length + kRowPadding * e.layer.stride);
    }

    void forward(const ForwardStep& s) const override {
        s.backend(UpConv{.x = s.x(0),
                         .weight = s.weight,
                         .bias = s.bias,
                         .stride = s.layer.stride,
                         .relu = s.relu,
                         .y = s.y});
    }
    void grad_parameters(const BackwardStep& s) const override {
        s.backend(UpConvGradWeight{
            .x = s.x(0), .dy = s.dy, .stride = s.layer.stride, .d_weight = s.d_weight, .d_bias = s.d_bias});
    }
    void grad_input(const BackwardStep& s) const override {
        s.backend(UpConvGradInput{.dy = s.dy,
                                  .weight = s.weight,
                                  .stride = s.layer.stride,
                                  .accumulate = s.accumulate(0),
                                  .dx = s.dx(0)});
    }
};

}  // namespace

const Layer& up_conv_layer() {
    static constexpr UpConvLayer layer;
    return layer;
}

}  // namespace regkit
