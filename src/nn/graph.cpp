#include "nn/graph.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kMaxScale = 1'000'000;  // bases per position: far above any model, far below overflow
constexpr std::int64_t kMaxWeights = std::int64_t{1} << 40;  // of a layer: their sum cannot overflow
constexpr std::int64_t kMaxReach = 1 << 30;                  // (width - 1) * dilation
constexpr std::size_t kMaxLayers = 255;                      // dropout's counter has eight bits for the layer

[[noreturn]] void bad(const std::string& source, const std::string& what) {
    throw Error(ErrorKind::input, source + ": " + what);
}

class Resolver {
  public:
    Resolver(const Spec& spec, int markers, const std::string& source)
        : spec_(spec), markers_(markers), source_(source) {}

    Graph run() {
        if (spec_.layers.empty()) bad(source_, "no layers");
        if (spec_.layers.size() > kMaxLayers)
            bad(source_, "more than " + std::to_string(kMaxLayers) + " layers");
        graph_.nodes.resize(spec_.layers.size());
        lengths_.resize(spec_.layers.size());
        for (index_ = 0; index_ < count(); ++index_) {
            connect();
            shape();
            if (!index_of_.emplace(layer().name, index_).second) fail("another layer has this name");
        }
        head();
        return std::move(graph_);
    }

  private:
    int count() const { return static_cast<int>(spec_.layers.size()); }
    const LayerSpec& layer() const { return spec_.layers[static_cast<std::size_t>(index_)]; }
    Node& node() { return graph_.nodes[static_cast<std::size_t>(index_)]; }
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
                auto& consumers = graph_.nodes[static_cast<std::size_t>(input)].consumers;
                if (!consumers.empty() && consumers.back() == index_) fail("reads '" + from + "' twice");
                consumers.push_back(index_);
            }
            check((input == kSequence) == (l.type == LayerType::embedding),
                  "an embedding, and nothing else, reads 'sequence'");
            const bool embedded = input != kSequence &&
                                  spec_.layers[static_cast<std::size_t>(input)].type == LayerType::embedding;
            check(!embedded || l.type == LayerType::conv, "only a convolution can read an embedding");
            node().inputs.push_back(input);
        }
        if (l.type == LayerType::add)
            check(l.from.size() >= 2, "add needs at least two inputs");
        else
            check(l.from.size() == 1, "reads more than one layer; only add does");
    }

    void shape() {
        const LayerSpec& l = layer();
        Node& n = node();
        check(l.filters >= 0 && l.width >= 1 && l.stride >= 1 && l.dilation >= 1,
              "filters, width, stride or dilation is not positive");
        check(!l.norm || l.type == LayerType::conv || l.type == LayerType::up_conv,
              "only a convolution or up-convolution has batch norm");
        const Node* input =
            n.inputs[0] == kSequence ? nullptr : &graph_.nodes[static_cast<std::size_t>(n.inputs[0])];
        n.channels_in = input ? input->channels : kSymbols;
        n.channels = l.filters;
        n.scale = input ? input->scale : 1;
        std::int64_t length = input ? lengths_[static_cast<std::size_t>(n.inputs[0])] : spec_.window;
        switch (l.type) {
            case LayerType::pool:
                n.channels = n.channels_in;
                [[fallthrough]];
            case LayerType::conv:
                length = slide(length);
                break;
            case LayerType::up_conv:
                if (n.scale % l.stride != 0)
                    fail("up-samples by " + std::to_string(l.stride) + " where a position stands for " +
                         std::to_string(n.scale) + " bases");
                n.scale /= l.stride;
                length *= l.stride;
                break;
            case LayerType::dense:
                if (n.channels == 0) n.channels = markers_;
                break;
            case LayerType::add:
                n.channels = n.channels_in;
                same_inputs();
                break;
            case LayerType::embedding:
                break;
            case LayerType::one_hot:
            case LayerType::lstm:
            case LayerType::concat:
                fail("is of a type that has no operations yet");
        }
        check(n.channels >= 1, "no filters");
        const std::int64_t width = l.type == LayerType::conv      ? l.width
                                   : l.type == LayerType::up_conv ? l.stride
                                                                  : 1;
        check(width * n.channels_in <= kMaxWeights / n.channels, "has too many weights");
        if (length * n.scale != spec_.window)
            fail("gives " + std::to_string(length) + " positions of " + std::to_string(n.scale) +
                 " bases for a window of " + std::to_string(spec_.window) +
                 "; every base must be covered (padding 'same', and a window that is a multiple of the "
                 "stride)");
        lengths_[static_cast<std::size_t>(index_)] = length;
        const std::int64_t stride = std::lcm(std::int64_t{graph_.stride}, std::int64_t{n.scale});
        check(stride <= kMaxScale, "the strides multiply to more than a million bases");
        graph_.stride = static_cast<int>(stride);
    }

    // Padding and output length of a convolution or pool, as TensorFlow's SAME and VALID.
    std::int64_t slide(std::int64_t length) {
        const LayerSpec& l = layer();
        Node& n = node();
        const std::int64_t reach = std::int64_t{l.width - 1} * l.dilation;
        check(reach <= kMaxReach, "width times dilation is too large");
        check(std::int64_t{n.scale} * l.stride <= kMaxScale,
              "the strides multiply to more than a million bases");
        std::int64_t padding = 0;
        if (l.padding == Padding::same)
            padding = std::max<std::int64_t>(
                ((length + l.stride - 1) / l.stride - 1) * l.stride + reach + 1 - length, 0);
        n.geometry = {l.width, l.stride, l.dilation, static_cast<int>(padding / 2),
                      static_cast<int>(padding - padding / 2)};
        n.scale *= l.stride;
        return n.geometry.output_length(length);
    }

    void same_inputs() {
        for (const int other : node().inputs) {
            const Node& n = graph_.nodes[static_cast<std::size_t>(other)];
            if (n.channels != node().channels || n.scale != node().scale)
                fail("adds '" + layer().from[0] + "' of " + std::to_string(node().channels) +
                     " channels and " + std::to_string(node().scale) + " bases a position to '" +
                     spec_.layers[static_cast<std::size_t>(other)].name + "' of " +
                     std::to_string(n.channels) + " and " + std::to_string(n.scale));
        }
    }

    void head() {
        if (spec_.heads.size() != 1) bad(source_, "heads: exactly one is supported");
        const HeadSpec& head = spec_.heads[0];
        const auto found = index_of_.find(head.from);
        if (found == index_of_.end()) bad(source_, "heads: there is no layer '" + head.from + "'");
        if (!(head.weight > 0)) bad(source_, "heads: the weight must be positive");
        graph_.head = found->second;
        for (index_ = 0; index_ < count(); ++index_) {
            if (index_ == graph_.head) {
                check(layer().type == LayerType::dense && layer().filters == 0,
                      "a head reads a dense layer without filters: one output a marker");
                check(!layer().relu && !layer().dropout,
                      "the head's layer gives logits: no relu, no dropout");
                check(node().consumers.empty(), "nothing can read the head's layer");
                check(node().scale == 1, "the head does not have one position a base; add an up-convolution");
            } else {
                check(layer().type != LayerType::dense || layer().filters > 0,
                      "no filters; only the head's layer may");
                check(!node().consumers.empty(), "nothing reads this layer");
            }
        }
    }

    const Spec& spec_;
    int markers_;
    const std::string& source_;
    Graph graph_;
    std::map<std::string, int> index_of_;
    std::vector<std::int64_t> lengths_;
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
