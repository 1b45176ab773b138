// LSTM (kernels/ops/lstm.hpp), in one direction or both: every position depends on all of the window. Its
// tensors are PyTorch's, directions one after the other, so that the input's projections of both are one
// convolution of width 1; but for the second bias, of which PyTorch adds the two.
#include <cmath>

#include "kernels/compose.hpp"
#include "nn/layers/kinds.hpp"

namespace regkit {
namespace {

constexpr int kMaxHidden = 1 << 16;

LstmLayer lstm_of(const LayerSpec& layer, const Node& node, const Slice& weight, const Slice& weight_hh,
                  const Slice& bias) {
    return {weight, weight_hh, bias, layer.filters, node.directions};
}

class LstmLayerKind final : public Layer {
  public:
    const char* name() const override { return "lstm"; }
    Keys required_keys() const override { return {Key::filters}; }
    Keys optional_keys() const override { return {Key::weights, Key::bidirectional, Key::dropout}; }

    void shape(const Shaping& s) const override {
        s.check(s.layer.filters >= 1 && s.layer.filters <= kMaxHidden, "an LSTM has 1 to 65536 filters");
        s.node.directions = s.layer.bidirectional ? 2 : 1;
        s.node.channels = s.node.directions * s.layer.filters;
    }
    std::optional<Span> reach(const LayerSpec&, const Node&, Span) const override { return std::nullopt; }

    std::vector<TensorSpec> tensors(const LayerSpec& layer, const Node& node) const override {
        const std::int64_t hidden = layer.filters, gates = 4 * hidden;
        const double bound = 1 / std::sqrt(static_cast<double>(hidden));
        std::vector<TensorSpec> all;
        const auto add = [&](TensorSpec::Role role, const char* what, std::vector<std::int64_t> shape) {
            for (int d = 0; d < node.directions; ++d)
                all.push_back({.role = role,
                               .name = what + std::string(d == 0 ? "_l0" : "_l0_reverse"),
                               .shape = shape,
                               .start = TensorSpec::Start::uniform,
                               .low = -bound,
                               .high = bound});
        };
        add(TensorSpec::Role::weight, "weight_ih", {gates, node.channels_in});
        add(TensorSpec::Role::weight_hh, "weight_hh", {gates, hidden});
        add(TensorSpec::Role::bias, "bias_ih", {gates});
        for (TensorSpec& tensor : all) {
            if (tensor.role != TensorSpec::Role::bias) continue;
            tensor.ones = {hidden, hidden};  // the forget gate's
            tensor.frozen = "bias_hh" + tensor.name.substr(std::string("bias_ih").size());
        }
        return all;
    }

    double flops(const LayerSpec& layer, const Node& node) const override {
        return node.directions * 8.0 * layer.filters *
               (static_cast<double>(node.channels_in) + layer.filters) * static_cast<double>(node.length);
    }
    void estimate(const LayerExtent& e, LayerCost& cost) const override {
        // One position after the other: products of a row of weights' own size.
        const double hidden = e.layer.filters, directions = e.node.directions;
        cost.seconds += directions * 4 * products(e.in() + hidden, 4 * hidden, e.length);
        cost.scratch += directions * 4 * 4 * hidden * (e.length + 2 * kRowPadding);
        cost.kept += directions * 4 * 6 * hidden * (e.length + kRowPadding);
    }

    void forward(const ForwardStep& s) const override {
        compose::lstm(s.backend, Lstm{.x = s.x(0),
                                      .layer = lstm_of(s.layer, s.node, s.weight, s.weight_hh, s.bias),
                                      .memory = s.memory,
                                      .y = s.y});
    }
    void grad_parameters(const BackwardStep&) const override {}  // grad_input adds them
    void grad_input(const BackwardStep& s) const override {
        compose::lstm_grad(s.backend,
                           LstmGrad{.x = s.x(0),
                                    .layer = lstm_of(s.layer, s.node, s.weight, s.weight_hh, s.bias),
                                    .memory = s.memory,
                                    .y = s.y,
                                    .dy = s.dy,
                                    .gradient = {s.d_weight, s.d_weight_hh, s.d_bias},
                                    .accumulate = s.accumulate(0),
                                    .dx = s.dx(0)});
    }
    bool grads_come_together() const override { return true; }
    bool needs_memory() const override { return true; }
};

}  // namespace

const Layer& lstm_layer() {
    static constexpr LstmLayerKind layer;
    return layer;
}

}  // namespace regkit
