// One pass over the layers in their order: each is tied to the earlier ones it reads, gets its channels,
// positions and bases per position from them, and finds whose weights it shares; then the heads are looked
// up. Everything that an architecture can get wrong is refused here, naming the layer, with limits low enough
// that no later sum or product overflows.
#include "nn/graph.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMaxScale = 1'000'000;  // bases per position: far above any model, far below overflow
constexpr std::int64_t kMaxWeights = std::int64_t{1} << 40;  // of a layer: their sum cannot overflow
constexpr std::int64_t kMaxReach = 1 << 30;                  // (width - 1) * dilation; positions
constexpr int kMaxHidden = 1 << 16;                          // of an LSTM
constexpr std::size_t kMaxLayers = 255;                      // dropout's counter has eight bits for the layer

[[noreturn]] void bad(const std::string& source, const std::string& what) {
    throw Error(ErrorKind::input, source + ": " + what);
}

// Whether its windows have one length: some layer's output does not cover every base, or every position is
// read at once.
bool has_fixed_window(const Spec& spec) {
    return std::any_of(spec.layers.begin(), spec.layers.end(), [](const LayerSpec& l) {
        return l.flatten ||
               ((l.type == LayerType::conv || l.type == LayerType::pool) && l.padding == Padding::valid);
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
    const LayerSpec& layer(int index) const { return spec_.layers[static_cast<std::size_t>(index)]; }
    const LayerSpec& layer() const { return layer(index_); }
    Node& node(int index) { return graph_.nodes[static_cast<std::size_t>(index)]; }
    Node& node() { return node(index_); }
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
            check((input == kSequence) == reads_sequence(l.type),
                  "an embedding or one_hot, and nothing else, reads 'sequence'");
            if (input != kSequence) check_reader(layer(input).type);
            node().inputs.push_back(input);
        }
        if (l.type == LayerType::add || l.type == LayerType::concat)
            check(l.from.size() >= 2, "add and concat need at least two inputs");
        else
            check(l.from.size() == 1, "reads more than one layer; only add and concat do");
    }

    void check_reader(LayerType input) const {
        if (input == LayerType::embedding)
            check(layer().type == LayerType::conv, "only a convolution can read an embedding");
        if (input == LayerType::one_hot)
            check(layer().type == LayerType::conv || layer().flatten,
                  "only a convolution or a dense layer with 'flatten' can read a one_hot");
    }

    void shape() {
        const LayerSpec& l = layer();
        Node& n = node();
        check(l.filters >= 0 && l.width >= 1 && l.stride >= 1 && l.dilation >= 1,
              "filters, width, stride or dilation is not positive");
        check(!l.norm || l.type == LayerType::conv || l.type == LayerType::up_conv || l.flatten,
              "only a convolution, an up-convolution or a dense layer with 'flatten' has batch norm");
        check(!l.flatten || l.type == LayerType::dense, "only a dense layer flattens");
        const Node* input = n.inputs[0] == kSequence ? nullptr : &node(n.inputs[0]);
        n.channels_in = input ? input->channels : kSymbols;
        n.channels = l.filters;
        n.scale = input ? input->scale : 1;
        n.length = input ? input->length : spec_.window;
        n.flat = input && input->flat;
        const bool pointwise =
            l.type == LayerType::dense || l.type == LayerType::add || l.type == LayerType::concat;
        check(!n.flat || (pointwise && !l.flatten),
              "behind a dense layer with 'flatten' only dense, add and concat can stand");
        switch (l.type) {
            case LayerType::pool:
                n.channels = n.channels_in;
                [[fallthrough]];
            case LayerType::conv:
                slide();
                break;
            case LayerType::up_conv:
                if (!graph_.fixed_window && n.scale % l.stride != 0)
                    fail("up-samples by " + std::to_string(l.stride) + " where a position stands for " +
                         std::to_string(n.scale) + " bases");
                check(n.length <= kMaxReach / l.stride, "gives too many positions");
                n.scale = std::max(1, n.scale / l.stride);
                n.length *= l.stride;
                break;
            case LayerType::dense:
                if (n.channels == 0) n.channels = markers_;
                if (l.flatten) flatten();
                break;
            case LayerType::lstm:
                n.directions = l.bidirectional ? 2 : 1;
                check(l.filters >= 1 && l.filters <= kMaxHidden, "an LSTM has 1 to 65536 filters");
                n.channels = n.directions * l.filters;
                graph_.finite_context = false;
                break;
            case LayerType::add:
            case LayerType::concat:
                join();
                break;
            case LayerType::one_hot:
                n.channels = kBases;
                break;
            case LayerType::embedding:
                break;
        }
        check(n.channels >= 1, "no filters");
        check(n.length >= 1, "gives no position: the window is too short for it");
        check(weights() <= kMaxWeights / n.channels, "has too many weights");
        if (!graph_.fixed_window) cover();
    }

    // Inputs of one output, or of one channel's gates.
    std::int64_t weights() {
        const LayerSpec& l = layer();
        switch (l.type) {
            case LayerType::conv:
                return std::int64_t{l.width} * node().channels_in;
            case LayerType::up_conv:
                return std::int64_t{l.stride} * node().channels_in;
            case LayerType::lstm:
                return 4 * (std::int64_t{node().channels_in} + l.filters);
            default:
                return node().channels_in;
        }
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

    // Padding and output length of a convolution or pool, as TensorFlow's SAME and VALID.
    void slide() {
        const LayerSpec& l = layer();
        Node& n = node();
        const std::int64_t reach = std::int64_t{l.width - 1} * l.dilation;
        check(reach <= kMaxReach, "width times dilation is too large");
        check(std::int64_t{n.scale} * l.stride <= kMaxScale,
              "the strides multiply to more than a million bases");
        std::int64_t padding = 0;
        if (l.padding == Padding::same)
            padding = std::max<std::int64_t>(
                ((n.length + l.stride - 1) / l.stride - 1) * l.stride + reach + 1 - n.length, 0);
        n.geometry = {l.width, l.stride, l.dilation, static_cast<int>(padding / 2),
                      static_cast<int>(padding - padding / 2)};
        n.scale *= l.stride;
        n.length = n.geometry.output_length(n.length);
    }

    void flatten() {
        Node& n = node();
        check(n.length <= kMaxWeights / n.channels_in && n.length * n.channels_in <= kMaxReach,
              "flattens too many positions");
        n.channels_in = static_cast<int>(n.length * n.channels_in);
        n.scale = 1;
        n.length = 1;
        n.flat = true;
    }

    void join() {
        Node& n = node();
        const bool concat = layer().type == LayerType::concat;
        std::int64_t channels = 0;
        for (const int other : n.inputs) {
            const Node& m = node(other);
            if ((!concat && m.channels != n.channels_in) || m.scale != n.scale || m.length != n.length ||
                m.flat != n.flat)
                fail(std::string(concat ? "joins '" : "adds '") + layer().from[0] + "' of " +
                     shape_text(node(n.inputs[0])) + " to '" + layer(other).name + "' of " + shape_text(m));
            channels += m.channels;
        }
        check(channels <= kMaxReach, "has too many channels");
        n.channels = concat ? static_cast<int>(channels) : n.channels_in;
    }
    static std::string shape_text(const Node& n) {
        return std::to_string(n.channels) + " channels and " + std::to_string(n.length) + " positions of " +
               std::to_string(n.scale) + " bases";
    }

    void share() {
        const LayerSpec& l = layer();
        node().weights = index_;
        if (l.weights.empty()) return;
        const auto found = index_of_.find(l.weights);
        if (found == index_of_.end()) fail("weights: '" + l.weights + "' is not an earlier layer");
        const Node& owner = node(found->second);
        const LayerSpec& o = layer(found->second);
        check(l.type == LayerType::conv || l.type == LayerType::up_conv || l.type == LayerType::dense ||
                  l.type == LayerType::lstm,
              "weights: a layer of this type has none");
        check(owner.weights == found->second, "weights: that layer uses another one's itself; name that one");
        if (o.type != l.type || owner.channels_in != node().channels_in ||
            owner.channels != node().channels || o.width != l.width ||
            (l.type == LayerType::up_conv && o.stride != l.stride) || o.flatten != l.flatten ||
            o.bidirectional != l.bidirectional)
            fail("weights: those of '" + l.weights + "' have another type or shape");
        check((l.type != LayerType::conv) || one_hot_input(index_) == one_hot_input(found->second),
              "weights: the one reads one_hot, the other does not");
        node().weights = found->second;
    }
    bool one_hot_input(int index) {
        const int input = node(index).inputs[0];
        return input != kSequence && layer(input).type == LayerType::one_hot;
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
                check(layer().type != LayerType::dense || layer().filters > 0,
                      "no filters; only a head's layer may");
                check(!node().consumers.empty(), "nothing reads this layer");
            }
        }
    }
    bool is_head(int index) const {
        return std::find(graph_.heads.begin(), graph_.heads.end(), index) != graph_.heads.end();
    }
    void check_head() {
        check(layer().type == LayerType::dense && layer().filters == 0,
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

const char* to_string(LayerType type) {
    switch (type) {
        case LayerType::embedding:
            return "embedding";
        case LayerType::conv:
            return "conv";
        case LayerType::up_conv:
            return "up_conv";
        case LayerType::dense:
            return "dense";
        case LayerType::pool:
            return "pool";
        case LayerType::add:
            return "add";
        case LayerType::one_hot:
            return "one_hot";
        case LayerType::lstm:
            return "lstm";
        case LayerType::concat:
            return "concat";
    }
    return "";
}

}  // namespace regkit
