// One pass over the layers in their order: each is tied to the earlier ones it reads, gets its channels,
// positions and bases per position from them, and finds whose weights it shares; then the heads are looked
// up. Everything that an architecture can get wrong is refused here, naming the layer, with limits low enough
// that no later sum or product overflows.
#include "nn/graph.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/layers/kinds.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMaxWeights = std::int64_t{1} << 40;  // of a tensor: their sum cannot overflow
constexpr std::size_t kMaxLayers = 255;                      // dropout's counter has eight bits for the layer

[[noreturn]] void bad(const std::string& source, const std::string& what) {
    throw Error(ErrorKind::input, source + ": " + what);
}

// Whether its windows have one length: some layer's output does not cover every base, or every position is
// read at once.
bool has_fixed_window(const Spec& spec) {
    return std::any_of(spec.layers.begin(), spec.layers.end(), [](const LayerSpec& l) {
        return l.flatten || (kind_of(l).has(Key::padding) && l.padding == Padding::valid);
    });
}

bool has_too_many_weights(const std::vector<TensorSpec>& tensors) {
    return std::any_of(tensors.begin(), tensors.end(), [](const TensorSpec& tensor) {
        std::int64_t most = kMaxWeights;
        for (const std::int64_t n : tensor.shape) most /= n;
        return most < 1;
    });
}

bool same_shapes(const std::vector<TensorSpec>& a, const std::vector<TensorSpec>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const TensorSpec& x, const TensorSpec& y) {
        return x.name == y.name && x.shape == y.shape;
    });
}

class Resolver {
  public:
    Resolver(const Spec& spec, int markers, const std::string& source)
        : spec_(spec), markers_(markers), source_(source) {}

    Graph run() {
        if (spec_.layers.empty()) bad(source_, "no layers");
        if (spec_.layers.size() > kMaxLayers)
            bad(source_, "more than " + std::to_string(kMaxLayers) + " layers");
        if (spec_.window > kMaxReach)
            bad(source_, "a window of more than " + std::to_string(kMaxReach) + " bases");
        graph_.nodes.resize(spec_.layers.size());
        graph_.fixed_window = has_fixed_window(spec_);
        for (index_ = 0; index_ < count(); ++index_) {
            connect();
            shape();
            share();
            if (!index_of_.emplace(layer().name, index_).second) fail("another layer has this name");
        }
        heads();
        if (graph_.fixed_window) graph_.stride = static_cast<int>(spec_.window);
        return std::move(graph_);
    }

  private:
    int count() const { return static_cast<int>(spec_.layers.size()); }
    const LayerSpec& layer(int index) const { return nth(spec_.layers, index); }
    const LayerSpec& layer() const { return layer(index_); }
    Node& node(int index) { return nth(graph_.nodes, index); }
    Node& node() { return node(index_); }
    const Layer& kind() const { return kind_of(layer()); }
    [[noreturn]] void fail(const std::string& what) const {
        bad(source_, "layer '" + layer().name + "': " + what);
    }
    void check(bool ok, const char* what) const {
        if (!ok) fail(what);
    }

    void connect() {
        const LayerSpec& l = layer();
        if (l.name.empty() || l.name == "sequence" || l.name.find('.') != l.name.npos)
            fail("a layer cannot have this name");
        check(!l.from.empty(), "reads nothing");
        for (const std::string& from : l.from) {
            int input = kSequence;
            if (from != "sequence") {
                const auto found = index_of_.find(from);
                if (found == index_of_.end()) fail("reads '" + from + "', which is not an earlier layer");
                input = found->second;
                auto& consumers = node(input).consumers;
                if (!consumers.empty() && consumers.back() == index_) fail("reads '" + from + "' twice");
                consumers.push_back(index_);
            }
            check((input == kSequence) == kind().reads_sequence(),
                  "an embedding or one_hot, and nothing else, reads 'sequence'");
            const char* const refusal = input == kSequence ? nullptr : kind_of(layer(input)).refuses(l);
            if (refusal) fail(refusal);
            node().inputs.push_back(input);
        }
        if (kind().reads() == Reads::several_layers)
            check(l.from.size() >= 2, "add and concat need at least two inputs");
        else
            check(l.from.size() == 1, "reads more than one layer; only add and concat do");
    }

    void shape() {
        const LayerSpec& l = layer();
        Node& n = node();
        check(l.filters >= 0 && l.width >= 1 && l.stride >= 1 && l.dilation >= 1,
              "filters, width, stride or dilation is not positive");
        check(!l.norm || kind().has(Key::norm),
              "only a convolution, an up-convolution or a dense layer with 'flatten' has batch norm");
        check(!l.flatten || kind().has(Key::flatten), "only a dense layer flattens");
        const Node* input = n.inputs[0] == kSequence ? nullptr : &node(n.inputs[0]);
        n.channels_in = input ? input->channels : kSymbols;
        n.channels = l.filters;
        n.scale = input ? input->scale : 1;
        n.length = input ? input->length : spec_.window;
        n.flat = input && input->flat;
        check(!n.flat || kind().is_pointwise(l),
              "behind a dense layer with 'flatten' only dense, add and concat can stand");
        Shaping shaping{spec_, l, markers_, graph_.fixed_window, {}, n, source_};
        for (const int from : n.inputs)
            if (from != kSequence) shaping.inputs.push_back(&node(from));
        kind().shape(shaping);
        check(n.channels >= 1, "no filters");
        check(n.length >= 1, "gives no position: the window is too short for it");
        check(!has_too_many_weights(kind().tensors(l, n)), "has too many weights");
        if (!l.flatten && !kind().reach(l, n, {0, 0})) graph_.finite_context = false;
        if (!graph_.fixed_window) cover();
    }

    // Every base of the window has its output, so that the network takes any window that is a multiple of the
    // stride.
    void cover() {
        const Node& n = node();
        if (n.length * n.scale != spec_.window)
            fail(
                "gives " + std::to_string(n.length) + " positions of " + std::to_string(n.scale) +
                " bases for a window of " + std::to_string(spec_.window) +
                "; every base must be covered (a window that is a multiple of the stride), or the positions read by a "
                "dense layer with 'flatten'");
        const std::int64_t stride = std::lcm(std::int64_t{graph_.stride}, std::int64_t{n.scale});
        check(stride <= kMaxScale, "the strides multiply to more than a million bases");
        graph_.stride = static_cast<int>(stride);
    }

    void share() {
        const LayerSpec& l = layer();
        node().weights = index_;
        if (l.weights.empty()) return;
        const auto found = index_of_.find(l.weights);
        if (found == index_of_.end()) fail("weights: '" + l.weights + "' is not an earlier layer");
        const Node& owner = node(found->second);
        const LayerSpec& o = layer(found->second);
        check(kind().has(Key::weights), "weights: a layer of this type has none");
        check(owner.weights == found->second, "weights: that layer uses another one's itself; name that one");
        if (o.type != l.type || o.flatten != l.flatten ||
            !same_shapes(kind().tensors(o, owner), kind().tensors(l, node())))
            fail("weights: those of '" + l.weights + "' have another type or shape");
        check(reads_fixed_table(index_) == reads_fixed_table(found->second),
              "weights: the one reads one_hot, the other does not");
        node().weights = found->second;
    }
    bool reads_fixed_table(int index) {
        const int input = node(index).inputs[0];
        return input != kSequence && !layer(index).flatten && !kind_of(layer(input)).fixed_table().empty();
    }

    void heads() {
        if (spec_.heads.empty()) bad(source_, "heads: there is none");
        for (const HeadSpec& head : spec_.heads) {
            const auto found = index_of_.find(head.from);
            if (found == index_of_.end()) bad(source_, "heads: there is no layer '" + head.from + "'");
            if (!(head.weight > 0)) bad(source_, "heads: the weight must be positive");
            if (is_head(found->second)) bad(source_, "heads: '" + head.from + "' stands twice");
            graph_.heads.push_back(found->second);
        }
        graph_.head = graph_.heads.back();
        for (index_ = 0; index_ < count(); ++index_) {
            if (is_head(index_)) {
                check_head();
            } else {
                check(!kind().gives_markers(layer()), "no filters; only a head's layer may");
                check(!node().consumers.empty(), "nothing reads this layer");
            }
        }
    }
    bool is_head(int index) const {
        return std::find(graph_.heads.begin(), graph_.heads.end(), index) != graph_.heads.end();
    }
    void check_head() {
        check(kind().gives_markers(layer()),
              "a head reads a dense layer without filters: one output a marker");
        check(!layer().relu && !layer().dropout && !layer().norm,
              "the head's layer gives logits: no relu, no dropout, no norm");
        check(node().consumers.empty(), "nothing can read the head's layer");
        check(node().length == node(graph_.head).length && node().flat == node(graph_.head).flat &&
                  node().scale == node(graph_.head).scale,
              "another head has other positions");
        if (spec_.task == Task::nucleotide) {
            check(
                node().scale == 1 && node().length == spec_.window && !node().flat,
                "the head does not have one position a base, as the task 'nucleotide' needs; add an up-convolution");
        }
    }

    const Spec& spec_;
    int markers_;
    const std::string& source_;
    Graph graph_;
    std::map<std::string, int> index_of_;
    int index_ = 0;
};

}  // namespace

Graph resolve(const Spec& spec, int markers, const std::string& source) {
    return Resolver(spec, markers, source).run();
}

const char* to_string(Task task) {
    switch (task) {
        case Task::nucleotide:
            return "nucleotide";
        case Task::bin:
            return "bin";
        case Task::coverage:
            return "coverage";
    }
    return "";
}

const char* to_string(Init init) {
    switch (init) {
        case Init::torch:
            return "torch";
        case Init::he:
            return "he";
        case Init::paper:
            return "paper";
    }
    return "";
}

Task parse_task(const std::string& text) {
    for (const Task task : {Task::nucleotide, Task::bin, Task::coverage})
        if (text == to_string(task)) return task;
    throw Error(ErrorKind::input, "unknown task '" + text + "'; there are nucleotide, bin, coverage");
}

}  // namespace regkit
