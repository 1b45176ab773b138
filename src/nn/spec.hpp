// An architecture as data: a graph of layers in JSON (regkit-spec(5)), with presets compiled in from
// examples/models/*.json. A new architecture needs no new C++.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace regkit {

enum class LayerType { embedding, conv, up_conv, dense, pool, add };
enum class Padding { same, valid };

struct LayerSpec {
    std::string name;  // unique; prefix of its parameters' names
    LayerType type = LayerType::conv;
    std::vector<std::string> from;  // names of inputs, earlier in the list; "sequence" for an embedding
    int filters = 0;                // output channels; 0 on a dense layer that a head reads = one per marker
    int width = 1;
    int stride = 1;  // of an up-convolution: also its width
    int dilation = 1;
    Padding padding =
        Padding::same;  // as TensorFlow: total max((ceil(L/s)-1)*s + (k-1)*d + 1 - L, 0), smaller half left
    bool norm = false;  // batch norm between convolution and ReLU
    bool relu = false;
    bool dropout = false;  // the spec's dropout rate applies after it
    bool operator==(const LayerSpec&) const = default;
};

struct HeadSpec {
    std::string from;
    double weight = 1;  // in the loss
    bool operator==(const HeadSpec&) const = default;
};

struct Spec {
    std::string name;
    std::string description;          // for people
    std::string task = "nucleotide";  // what one output stands for: "nucleotide"
    std::int64_t window = 25000;      // training window, bases; a multiple of the stride
    double dropout = 0.1;
    double norm_momentum = 0.1;  // PyTorch's: 1 - decay
    double norm_eps = 1e-5;
    std::vector<LayerSpec> layers;  // topological order
    std::vector<HeadSpec> heads;    // one; later the prediction = the last
    bool operator==(const Spec&) const = default;
};

// Parses and validates. Throws Error(input): "SOURCE: layer 'conv2': ..." on an unknown key, a cycle, a shape
// that does not fit.
Spec parse_spec(std::string_view json, const std::string& source);
// Canonical text, one line: parse_spec(to_json(s)) gives the same Spec.
std::string to_json(const Spec& spec);

// Presets in the order of regtrain --presets.
std::vector<std::string> preset_names();
// Throws Error(usage) listing the names when there is none of this name.
Spec preset(const std::string& name);
// The same architecture without batch norm (regtrain --no-norm).
Spec without_norm(Spec spec);

// What a spec implies once the number of markers is known.
struct SpecSummary {
    std::int64_t parameters = 0;  // trained values: no running statistics
    int stride = 1;               // bases per coarse position; predictions depend on position modulo this
    // Bases left and right of an output that can influence it: the largest over the phases of the stride.
    std::int64_t context_left = 0;
    std::int64_t context_right = 0;
    // From the first to the last base that can influence one output: 10,810 for `dilated`, as the paper
    // counts. At most context_left + context_right + 1, which is a little more because the two extremes
    // belong to different phases.
    std::int64_t receptive_field() const { return span; }
    std::int64_t span = 1;
};
SpecSummary summarise(const Spec& spec, int markers);

}  // namespace regkit
