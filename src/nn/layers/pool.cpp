// Max-pool: the largest value of each channel among `width` positions, `dilation` apart.
#include "nn/layers/kinds.hpp"
#include "nn/layers/sliding.hpp"

namespace regkit {
namespace {

class PoolLayer final : public Layer {
  public:
    const char* name() const override { return "pool"; }
    Keys required_keys() const override { return {Key::width}; }
    Keys optional_keys() const override { return {Key::stride, Key::dilation, Key::padding}; }

    void shape(const Shaping& shaping) const override {
        shaping.node.channels = shaping.node.channels_in;
        slide(shaping);
    }
    std::optional<Span> reach(const LayerSpec&, const Node& node, Span out) const override {
        return sliding_reach(node.geometry, out);
    }
    Lattice readers(const LayerSpec&, const Node& node, const Lattice& in, bool moved) const override {
        return sliding_readers(node.geometry, in, moved);
    }
    LocalRow local_row(const LayerSpec&, const Node& node, const Lattice& out) const override {
        return sliding_row(node.geometry, out);
    }

    void estimate(const LayerExtent& e, LayerCost& cost) const override {
        const double width = e.layer.width;
        cost.seconds += e.out() * width * (e.layer.stride < 5 ? e.read : e.length) / kElementsPerSecond;
        cost.scratch += kWorkers * 3 * 4 * (e.read + e.reach() + kRowPadding) + 8 * width;
    }

    void forward(const ForwardStep& s) const override {
        s.backend(Pool{.x = s.x(0), .geometry = s.node.pool(), .y = s.y});
    }
    void grad_parameters(const BackwardStep&) const override {}
    void grad_input(const BackwardStep& s) const override {
        s.backend(PoolGrad{.x = s.x(0),
                           .dy = s.dy,
                           .geometry = s.node.pool(),
                           .accumulate = s.accumulate(0),
                           .dx = s.dx(0)});
    }
};

}  // namespace

const Layer& pool_layer() {
    static constexpr PoolLayer layer;
    return layer;
}

}  // namespace regkit
