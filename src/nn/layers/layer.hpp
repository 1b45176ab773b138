// What a kind of layer is: all that the graph, the plan, the parameters, the estimates and the network ask
// about one. Each kind is a class of its own in a file of this folder, without state; kinds.hpp lists them.
// Nothing outside of this folder tells kinds apart by their names: it asks here. A kind that lacks one of the
// pure functions does not compile.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/graph.hpp"
#include "nn/layers/estimate.hpp"
#include "nn/layers/steps.hpp"

namespace regkit {

// Keys of a layer in JSON beside name, type and from (regkit-spec(5)), in the order in which they are
// written.
enum class Key {
    filters,
    width,
    stride,
    dilation,
    padding,
    weights,
    flatten,
    bidirectional,
    norm,
    relu,
    dropout
};

class Keys {
  public:
    constexpr Keys() = default;
    constexpr Keys(std::initializer_list<Key> keys) {
        for (const Key key : keys) bits_ |= 1u << static_cast<unsigned>(key);
    }
    constexpr bool has(Key key) const { return bits_ >> static_cast<unsigned>(key) & 1u; }

  private:
    unsigned bits_ = 0;
};

// What a layer's shape follows from, and where it goes: `node` comes with its inputs, and with the channels,
// positions and scale of the first of them.
struct Shaping {
    const Spec& spec;
    const LayerSpec& layer;
    int markers;
    bool fixed_window;
    std::vector<const Node*> inputs;  // none for a layer that reads the sequence
    Node& node;
    const std::string& where;  // what messages begin with

    // Throws Error(input).
    [[noreturn]] void fail(const std::string& what) const;
    void check(bool ok, const char* what) const {
        if (!ok) fail(what);
    }
};

inline constexpr std::int64_t kMaxScale = 1'000'000;  // bases per position: far above any model
inline constexpr std::int64_t kMaxReach = 1 << 30;    // (width - 1) * dilation; positions

// A trained tensor.
struct TensorSpec {
    // Where it lies in LayerParameters. Those of one role follow each other.
    enum class Role { weight, weight_hh, bias };
    // What its first values are drawn from: as Spec::init says for sums over so many inputs, or uniformly.
    enum class Start { weights, biases, uniform };

    Role role = Role::weight;
    std::string name;  // behind the layer's and a dot; as in PyTorch
    std::vector<std::int64_t> shape;
    std::size_t channel_axis = 0;  // of the shape: output channels, which batch norm scales
    Start start = Start::weights;
    std::int64_t inputs = 1;   // Start::weights and biases
    double low = 0, high = 0;  // Start::uniform: [low, high)
    Range ones = {};           // values that start as 1 instead
    // A tensor of the same shape that PyTorch has and adds to it: zero, not trained; or none.
    std::string frozen = {};
};

// A weight of this shape and a bias, both drawn for sums over so many inputs.
std::vector<TensorSpec> weight_and_bias(std::vector<std::int64_t> shape, std::size_t channel_axis,
                                        std::int64_t inputs);

// Positions, both ends included.
struct Span {
    std::int64_t low, high;
};

// Positions first, first + step, ... of a row, or bases of a window; perhaps none.
struct Lattice {
    std::int64_t first = 0;
    std::int64_t step = 1;
    std::int64_t count = 0;

    std::int64_t end() const { return count > 0 ? first + (count - 1) * step + 1 : first; }
    bool operator==(const Lattice&) const = default;
};

// What a layer reads to give some positions of its output alone: positions of each of its inputs, and the
// geometry with which a row of just these gives just the output.
struct LocalRow {
    Lattice row;
    ConvGeometry geometry;
};

enum class Reads { sequence, one_layer, several_layers };
// What part of a fused tail it can be.
enum class TailRole { none, dense, up };

class Layer {
  public:
    // "conv"
    virtual const char* name() const = 0;
    virtual Keys required_keys() const { return {}; }
    virtual Keys optional_keys() const { return {}; }
    bool has(Key key) const { return required_keys().has(key) || optional_keys().has(key); }

    // ---- its place in the graph
    virtual Reads reads() const { return Reads::one_layer; }
    bool reads_sequence() const { return reads() == Reads::sequence; }
    // Why `reader` cannot read it; nullptr: it can.
    virtual const char* refuses(const LayerSpec& /*reader*/) const { return nullptr; }
    // Whether it computes each position from that position alone.
    virtual bool is_pointwise(const LayerSpec&) const { return false; }
    // Whether there are more positions behind it than before.
    virtual bool upsamples() const { return false; }
    virtual TailRole tail_role(const LayerSpec&) const { return TailRole::none; }
    // Whether its outputs are one a marker, as a head needs.
    virtual bool gives_markers(const LayerSpec&) const { return false; }
    // Fills in channels, scale, length and what else of the node is its own. Throws Error(input) where the
    // input does not fit.
    virtual void shape(const Shaping& shaping) const = 0;
    // Positions of its input that positions `out` of its output depend on; none: all of the window.
    virtual std::optional<Span> reach(const LayerSpec& layer, const Node& node, Span out) const = 0;
    // Positions of its output that read one of `in`, of several inputs where any of them does; perhaps some
    // more. `moved`: what follows lies elsewhere than before, so that what reads from both sides of `in`
    // counts too, and they lie side by side. This and local_row are not asked of a kind without a reach.
    virtual Lattice readers(const LayerSpec&, const Node&, const Lattice& in, bool /*moved*/) const {
        return in;
    }
    // For positions of its output as readers() gives them, or every n-th of those.
    virtual LocalRow local_row(const LayerSpec&, const Node& node, const Lattice& out) const {
        return {out, node.geometry};
    }
    // What it reads beyond its input's row, and its gradient beyond the row of its output's gradient.
    virtual Halo input_halo(const Node&) const { return {}; }
    virtual Halo gradient_halo(const Node&) const { return {}; }

    // ---- parameters
    virtual std::vector<TensorSpec> tensors(const LayerSpec&, const Node&) const { return {}; }
    // Of a sequence layer that is not trained: rows of N, A, C, G, T.
    virtual std::span<const float> fixed_table() const { return {}; }

    // ---- what it takes
    // Of a window of Spec::window bases, forward; multiply and add are two. Sums, maxima and look-ups count
    // none.
    virtual double flops(const LayerSpec&, const Node&) const { return 0; }
    virtual void estimate(const LayerExtent& extent, LayerCost& cost) const = 0;

    // ---- arithmetic
    // Its value into step.y, with the ReLU as epilogue where step.relu says so.
    virtual void forward(const ForwardStep& step) const = 0;
    // Adds the gradients of its tensors, and of the table of a sequence layer that it reads.
    virtual void grad_parameters(const BackwardStep& step) const = 0;
    // The gradient of each of its inputs that has one. Of a sequence layer: of the bases as one-hot.
    virtual void grad_input(const BackwardStep& step) const = 0;
    // Whether it works in an LstmMemory.
    virtual bool needs_memory() const { return false; }
    // Whether grad_input adds the gradients of the tensors too, as one operation gives both.
    virtual bool grads_come_together() const { return false; }

  protected:
    ~Layer() = default;
};

}  // namespace regkit
