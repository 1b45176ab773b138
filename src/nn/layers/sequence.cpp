// What reads the sequence: rows of a table, one for each of N, A, C, G, T. The table of an embedding is
// trained; that of one_hot is fixed. Convolutions that read one look its sums up (SequenceConv) and give its
// table's gradient, so that it has an output of its own only for a dense layer that flattens.
//
// The gradient of the bases: a base as one-hot picks a row of the table, so that a change of it by one is
// worth the product of that row with the gradient of what was picked.
#include <array>

#include "nn/layers/kinds.hpp"

namespace regkit {
namespace {

class SequenceLayer : public Layer {
  public:
    Reads reads() const final { return Reads::sequence; }
    std::optional<Span> reach(const LayerSpec&, const Node&, Span out) const final { return out; }
    void estimate(const LayerExtent&, LayerCost&) const final {}

    void forward(const ForwardStep& s) const final {
        s.backend(Embed{.codes = s.codes, .embedding = s.table, .y = s.y});
    }
    void grad_parameters(const BackwardStep&) const final {}  // its readers give it
    void grad_input(const BackwardStep& s) const final {
        s.backend(Conv{.x = s.dy, .weight = s.table, .y = s.dx(0)});  // N, A, C, G, T
    }

  protected:
    ~SequenceLayer() = default;
};

class EmbeddingLayer final : public SequenceLayer {
  public:
    const char* name() const override { return "embedding"; }
    Keys required_keys() const override { return {Key::filters}; }
    const char* refuses(const LayerSpec& reader) const override {
        return reader.type == LayerType::conv ? nullptr : "only a convolution can read an embedding";
    }
    void shape(const Shaping&) const override {}
    std::vector<TensorSpec> tensors(const LayerSpec&, const Node& node) const override {
        return {{.role = TensorSpec::Role::weight,
                 .name = "weight",
                 .shape = {node.channels_in, node.channels},
                 .start = TensorSpec::Start::uniform,
                 .low = 0,
                 .high = 1}};
    }
};

constexpr std::array<float, kSymbols * kBases> kOneHot{
    0, 0, 0, 0,  // N
    1, 0, 0, 0,  // A
    0, 1, 0, 0,  // C
    0, 0, 1, 0,  // G
    0, 0, 0, 1,  // T
};

class OneHotLayer final : public SequenceLayer {
  public:
    const char* name() const override { return "one_hot"; }
    const char* refuses(const LayerSpec& reader) const override {
        return reader.type == LayerType::conv || reader.flatten
                   ? nullptr
                   : "only a convolution or a dense layer with 'flatten' can read a one_hot";
    }
    void shape(const Shaping& s) const override { s.node.channels = kBases; }
    std::span<const float> fixed_table() const override { return kOneHot; }
};

}  // namespace

const Layer& embedding_layer() {
    static constexpr EmbeddingLayer layer;
    return layer;
}
const Layer& one_hot_layer() {
    static constexpr OneHotLayer layer;
    return layer;
}

}  // namespace regkit
