// What joins several layers of the same positions: their sum, or their channels one behind the other.
#include "nn/layers/kinds.hpp"

namespace regkit {
namespace {

std::string shape_text(const Node& n) {
    return std::to_string(n.channels) + " channels and " + std::to_string(n.length) + " positions of " +
           std::to_string(n.scale) + " bases";
}

class JoinLayer : public Layer {
  public:
    Keys optional_keys() const final { return {Key::relu, Key::dropout}; }

    Reads reads() const final { return Reads::several_layers; }
    bool is_pointwise(const LayerSpec&) const final { return true; }
    void shape(const Shaping& s) const final {
        Node& n = s.node;
        std::int64_t channels = 0;
        for (std::size_t i = 0; i < s.inputs.size(); ++i) {
            const Node& m = *s.inputs[i];
            if ((needs_equal_channels() && m.channels != n.channels_in) || m.scale != n.scale ||
                m.length != n.length || m.flat != n.flat)
                s.fail(verb() + (" '" + s.layer.from[0]) + "' of " + shape_text(*s.inputs[0]) + " to '" +
                       s.layer.from[i] + "' of " + shape_text(m));
            channels += m.channels;
        }
        s.check(channels <= kMaxReach, "has too many channels");
        n.channels = needs_equal_channels() ? n.channels_in : static_cast<int>(channels);
    }
    std::optional<Span> reach(const LayerSpec&, const Node&, Span out) const final { return out; }

    void estimate(const LayerExtent& e, LayerCost& cost) const final {
        cost.seconds += e.out() * e.length * static_cast<double>(e.node.inputs.size()) / kElementsPerSecond;
    }
    void grad_parameters(const BackwardStep&) const final {}

  protected:
    ~JoinLayer() = default;
    virtual bool needs_equal_channels() const = 0;
    virtual const char* verb() const = 0;
    static void activate(const ForwardStep& s) {
        if (s.relu) s.backend(NormAct{.x = s.y, .relu = true, .y = s.y});
    }
    // The channels of dy from `begin` on into the gradient of input number i.
    static void pass_on(const BackwardStep& s, std::size_t i, int begin) {
        const View dx = s.dx(i);
        if (s.dy.shape.channels != dx.shape.channels)
            s.backend(CopyChannels{.x = s.dy,
                                   .x_begin = begin,
                                   .y = dx,
                                   .count = static_cast<int>(dx.shape.channels),
                                   .accumulate = s.accumulate(i)});
        else if (s.accumulate(i))
            s.backend(Add{.x = s.dy, .y = dx});
        else
            s.backend(NormAct{.x = s.dy, .y = dx});  // copies
    }
};

class AddLayer final : public JoinLayer {
  public:
    const char* name() const override { return "add"; }
    bool needs_equal_channels() const override { return true; }
    const char* verb() const override { return "adds"; }
    void forward(const ForwardStep& s) const override {
        s.backend(NormAct{.x = s.x(0), .y = s.y});  // copies
        for (std::size_t i = 1; i < s.node.inputs.size(); ++i) s.backend(Add{.x = s.x(i), .y = s.y});
        activate(s);
    }
    void grad_input(const BackwardStep& s) const override {
        for (std::size_t i = 0; i < s.node.inputs.size(); ++i) pass_on(s, i, 0);
    }
};

class ConcatLayer final : public JoinLayer {
  public:
    const char* name() const override { return "concat"; }
    bool needs_equal_channels() const override { return false; }
    const char* verb() const override { return "joins"; }
    void forward(const ForwardStep& s) const override {
        int begin = 0;
        for (std::size_t i = 0; i < s.node.inputs.size(); ++i) {
            const View x = s.x(i);
            const int channels = static_cast<int>(x.shape.channels);
            s.backend(CopyChannels{.x = x, .y = s.y, .y_begin = begin, .count = channels});
            begin += channels;
        }
        activate(s);
    }
    void grad_input(const BackwardStep& s) const override {
        int begin = 0;
        for (std::size_t i = 0; i < s.node.inputs.size(); ++i) {
            pass_on(s, i, begin);
            begin += static_cast<int>(s.dx(i).shape.channels);
        }
    }
};

}  // namespace

const Layer& add_layer() {
    static constexpr AddLayer layer;
    return layer;
}
const Layer& concat_layer() {
    static constexpr ConcatLayer layer;
    return layer;
}

}  // namespace regkit
