// Convolution: a sum over `width` positions, `dilation` apart, of all channels, at every `stride`-th
// position. Behind a sequence layer it is a look-up of sums, one operation with that layer's table.
#include "nn/layers/kinds.hpp"
#include "nn/layers/sliding.hpp"

namespace regkit {
namespace {

class ConvLayer final : public Layer {
  public:
    const char* name() const override { return "conv"; }
    Keys required_keys() const override { return {Key::filters, Key::width}; }
    Keys optional_keys() const override {
        return {Key::stride, Key::dilation, Key::padding, Key::weights, Key::norm, Key::relu, Key::dropout};
    }

    void shape(const Shaping& shaping) const override { slide(shaping); }
    std::optional<Span> reach(const LayerSpec&, const Node& node, Span out) const override {
        return sliding_reach(node.geometry, out);
    }
    Lattice readers(const LayerSpec&, const Node& node, const Lattice& in, bool moved) const override {
        return sliding_readers(node.geometry, in, moved);
    }
    LocalRow local_row(const LayerSpec&, const Node& node, const Lattice& out) const override {
        return sliding_row(node.geometry, out);
    }
    Halo input_halo(const Node& node) const override {
        return {node.geometry.pad_left, node.geometry.pad_right};
    }
    Halo gradient_halo(const Node& node) const override {
        return node.geometry.stride == 1 ? node.geometry.gradient_halo() : Halo{};
    }

    std::vector<TensorSpec> tensors(const LayerSpec& layer, const Node& node) const override {
        const std::int64_t in = node.channels_in;
        return weight_and_bias({node.channels, in, layer.width}, 0, in * layer.width);
    }

    double flops(const LayerSpec& layer, const Node& node) const override {
        return 2.0 * layer.width * node.channels_in * node.channels * static_cast<double>(node.length);
    }
    void estimate(const LayerExtent& e, LayerCost& cost) const override {
        const double width = e.layer.width, padded = e.reach() + kRowPadding * e.layer.stride;
        if (e.looks_up) {  // in a table of 8 values a channel and tap
            cost.seconds += e.out() * width * (e.length + 8 * e.in()) / kElementsPerSecond;
            cost.scratch += 8 * 4 * e.out() * width + 8 * (e.bases + padded) + 8 * width;
        } else {
            cost.seconds += products(e.in() * width, e.out(), e.length);
            cost.scratch += 4 * e.in() * (e.read + padded) + 4 * e.in() * width * e.out() + 8 * width;
        }
    }

    void forward(const ForwardStep& s) const override {
        if (s.table)
            s.backend(SequenceConv{.codes = s.codes,
                                   .embedding = s.table,
                                   .weight = s.weight,
                                   .bias = s.bias,
                                   .geometry = s.node.geometry,
                                   .relu = s.relu,
                                   .y = s.y});
        else
            s.backend(Conv{.x = s.x(0),
                           .weight = s.weight,
                           .bias = s.bias,
                           .geometry = s.node.geometry,
                           .relu = s.relu,
                           .y = s.y});
    }
    void grad_parameters(const BackwardStep& s) const override {
        if (s.table)
            s.backend(SequenceConvGrad{.codes = s.codes,
                                       .dy = s.dy,
                                       .embedding = s.table,
                                       .weight = s.weight,
                                       .geometry = s.node.geometry,
                                       .d_embedding = s.d_table,
                                       .d_weight = s.d_weight,
                                       .d_bias = s.d_bias});
        else
            s.backend(ConvGradWeight{.x = s.x(0),
                                     .dy = s.dy,
                                     .geometry = s.node.geometry,
                                     .d_weight = s.d_weight,
                                     .d_bias = s.d_bias});
    }
    void grad_input(const BackwardStep& s) const override {
        const View dx = s.dx(0);
        if (!dx.data) return;
        s.backend(ConvGradInput{.dy = s.dy,
                                .weight = s.weight,
                                .geometry = s.node.geometry,
                                .accumulate = s.accumulate(0),
                                .dx = dx});
    }
};

}  // namespace

const Layer& conv_layer() {
    static constexpr ConvLayer layer;
    return layer;
}

}  // namespace regkit
