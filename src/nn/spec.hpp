// An architecture as data: a graph of layers in JSON (regkit-spec(5)), with presets compiled in from
// examples/models/*.json. A new architecture needs no new C++.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace regkit {

enum class LayerType { embedding, one_hot, conv, up_conv, dense, pool, lstm, add, concat };
enum class Padding { same, valid };

// What one output stands for. nucleotide: a base at which a marker is present; bin: a bin in which it is;
// both are probabilities (sigmoid, cross-entropy). coverage: the coverage of a bin (softplus, Poisson loss).
enum class Task { nucleotide, bin, coverage };
const char* to_string(Task task);
Task parse_task(const std::string& text);  // Error(input)

// Where weights and biases of convolutions and dense layers start, for sums over n inputs. torch: uniform
// +-1/sqrt(n), as PyTorch's layers. he: uniform +-sqrt(6/n), which keeps the variance of values behind a ReLU
// from layer to layer, and biases 0. paper: normal of deviation 0.1, cut off at two deviations, and biases
// 0.1.
enum class Init { torch, he, paper };
const char* to_string(Init init);

struct LayerSpec {
    std::string name;  // unique; prefix of its parameters' names
    LayerType type = LayerType::conv;
    // Names of inputs, earlier in the list; "sequence" for an embedding or one_hot (A, C, G, T; N is zero).
    std::vector<std::string> from;
    // Layer whose weight and bias it uses; empty: its own. Norms are never shared.
    std::string weights;
    // Output channels; of an LSTM those of one direction. 0 on a dense layer that a head reads = one per
    // marker.
    int filters = 0;
    int width = 1;
    int stride = 1;  // of an up-convolution: also its width
    int dilation = 1;
    Padding padding =
        Padding::same;  // as TensorFlow: total max((ceil(L/s)-1)*s + (k-1)*d + 1 - L, 0), smaller half left
    bool flatten = false;  // dense: reads every position of its input at once, one output position a window
    bool bidirectional =
        false;          // lstm: channels are those of the forward direction, then of the backward one
    bool norm = false;  // batch norm between convolution (or dense layer with `flatten`) and ReLU
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
    std::string description;  // for people
    Task task = Task::nucleotide;
    // Training window, bases; a multiple of the stride. regtrain sets it to the data set's.
    std::int64_t window = 25000;
    Init init = Init::torch;
    double dropout = 0.1;
    double norm_momentum = 0.1;  // PyTorch's: 1 - decay
    double norm_eps = 1e-5;
    std::vector<LayerSpec> layers;  // topological order
    std::vector<HeadSpec> heads;    // losses are added with their weights; the prediction is the last one's
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
// The same architecture without batch norm (regtrain --no-norm), and for another window: Error(input) where
// it does not fit.
Spec without_norm(Spec spec);
Spec with_window(Spec spec, std::int64_t window, const std::string& source);

// What a spec implies once the number of markers is known.
struct SpecSummary {
    std::int64_t parameters = 0;  // trained values: no running statistics
    int stride = 1;               // windows are a multiple of it; predictions depend on position modulo this
    // Bases an output position stands for. With `fixed_window` (flatten, padding 'valid') exactly spec.window
    // bases go in and `outputs` positions come out, wherever the labels are; otherwise length / scale
    // positions.
    std::int64_t scale = 1;
    std::int64_t outputs = 0;  // positions for spec.window bases
    bool fixed_window = false;
    bool finite_context =
        true;  // false: an LSTM reads the whole window; context and span are the window's then
    // Bases left and right of an output's own that can influence it: the largest over the phases of the
    // stride. Of a fixed window or an LSTM: the window.
    std::int64_t context_left = 0;
    std::int64_t context_right = 0;
    // From the first to the last base that can influence one output: 10,810 for `dilated`, as the paper
    // counts. At most context_left + context_right + 1, which is a little more because the two extremes
    // belong to different phases.
    std::int64_t receptive_field() const { return span; }
    std::int64_t span = 1;
};
SpecSummary summarise(const Spec& spec, int markers);

// One layer as regtrain --describe shows it.
struct LayerDescription {
    std::string name, type, from, shape;  // shape: "50 x 2500", channels x positions of spec.window bases
    std::int64_t parameters = 0;          // its own: none where weights are shared
    std::int64_t receptive_field = 0;     // bases; 0: the whole window
    double flops_per_base = 0;            // multiply and add are two; of the forward pass
};
std::vector<LayerDescription> describe(const Spec& spec, int markers);

}  // namespace regkit
