// Small networks, windows and labels for the tests of src/nn.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nn/network.hpp"

namespace regkit::test {

// Fork and add, pools (plain and dilated), stride, dilation, norm with and without ReLU, dropout: every
// operation once.
inline const char* const kSmallSpec = R"({"name": "small", "window": 48, "dropout": 0.25, "layers": [
    {"name": "embed", "type": "embedding", "filters": 3},
    {"name": "conv1", "type": "conv", "filters": 6, "width": 5, "stride": 4, "norm": true, "relu": true, "dropout": true},
    {"name": "pool1", "type": "pool", "width": 3},
    {"name": "conv2", "type": "conv", "filters": 6, "width": 4, "dilation": 2, "norm": true},
    {"name": "sum", "type": "add", "from": ["pool1", "conv2"], "relu": true},
    {"name": "conv3", "type": "conv", "filters": 5, "width": 3, "dilation": 3, "relu": true},
    {"name": "conv4", "type": "conv", "from": "sum", "filters": 5, "width": 1, "relu": true, "dropout": true},
    {"name": "sum2", "type": "add", "from": ["conv3", "conv4", "conv3b"]},
    {"name": "pool2", "type": "pool", "width": 2, "dilation": 2},
    {"name": "up", "type": "up_conv", "filters": 4, "stride": 4, "norm": true, "relu": true, "dropout": true},
    {"name": "dense1", "type": "dense", "filters": 7, "relu": true, "dropout": true},
    {"name": "dense2", "type": "dense"}]})";

// The same with the branch that sum2 names: a convolution without ReLU from pool1.
inline Spec small_spec() {
    std::string text = kSmallSpec;
    const std::string branch =
        R"({"name": "conv3b", "type": "conv", "from": "pool1", "filters": 5, "width": 2},)";
    text.insert(text.find(R"({"name": "sum2")"), branch);
    return parse_spec(text, "small");
}

// No up-convolution: the tail is dense layers alone, at every base.
inline Spec unstrided_spec() {
    return parse_spec(R"({"name": "unstrided", "window": 30, "layers": [
        {"name": "embed", "type": "embedding", "filters": 4},
        {"name": "conv1", "type": "conv", "filters": 5, "width": 4, "norm": true, "relu": true, "dropout": true},
        {"name": "conv2", "type": "conv", "filters": 6, "width": 3, "dilation": 5, "relu": true},
        {"name": "dense1", "type": "dense", "filters": 6, "relu": true},
        {"name": "dense2", "type": "dense"}]})",
                      "unstrided");
}

// Task 1: a fixed window without padding, flattened into layers with norm and dropout, one output a window.
inline Spec flat_spec() {
    return parse_spec(R"({"name": "flat", "task": "bin", "window": 41, "dropout": 0.25, "layers": [
        {"name": "bases", "type": "one_hot"},
        {"name": "conv1", "type": "conv", "filters": 5, "width": 6, "padding": "valid", "norm": true, "relu": true},
        {"name": "pool1", "type": "pool", "width": 4, "stride": 3, "padding": "valid"},
        {"name": "conv2", "type": "conv", "filters": 4, "width": 3, "dilation": 2, "relu": true, "dropout": true},
        {"name": "hidden", "type": "dense", "filters": 7, "flatten": true, "norm": true, "relu": true, "dropout": true},
        {"name": "dense1", "type": "dense", "filters": 6, "relu": true, "dropout": true},
        {"name": "out", "type": "dense"}]})",
                      "flat");
}

// Nothing but a dense layer over all bases (logistic regression).
inline Spec linear_spec() {
    return parse_spec(R"({"name": "linear", "task": "bin", "window": 19, "layers": [
        {"name": "bases", "type": "one_hot"}, {"name": "out", "type": "dense", "flatten": true}]})",
                      "linear");
}

// A convolution and a dense layer that flatten the same layer; the head flattens too.
inline Spec flat_head_spec() {
    return parse_spec(R"({"name": "flat_head", "task": "bin", "window": 20, "layers": [
        {"name": "embed", "type": "embedding", "filters": 3},
        {"name": "conv1", "type": "conv", "filters": 4, "width": 3, "stride": 2, "relu": true},
        {"name": "hidden", "type": "dense", "filters": 5, "flatten": true, "relu": true},
        {"name": "first", "type": "dense"},
        {"name": "out", "type": "dense", "from": "conv1", "flatten": true}],
        "heads": [{"from": "first", "weight": 0.5}, {"from": "out"}]})",
                      "flat_head");
}

// LSTMs of one and two directions behind each other, one output a base.
inline Spec lstm_spec() {
    return parse_spec(R"({"name": "lstm", "window": 36, "dropout": 0.25, "layers": [
        {"name": "embed", "type": "embedding", "filters": 3},
        {"name": "conv1", "type": "conv", "filters": 5, "width": 4, "stride": 4, "relu": true},
        {"name": "lstm1", "type": "lstm", "filters": 3, "bidirectional": true, "dropout": true},
        {"name": "lstm2", "type": "lstm", "filters": 4},
        {"name": "conv2", "type": "conv", "filters": 4, "width": 3, "relu": true},
        {"name": "up", "type": "up_conv", "filters": 4, "stride": 4, "relu": true},
        {"name": "out", "type": "dense"}]})",
                      "lstm");
}

// Twice the same block with norms of its own, a head behind each, all weights shared; an LSTM among them.
inline Spec shared_spec() {
    return parse_spec(R"({"name": "shared", "window": 32, "dropout": 0.25, "layers": [
        {"name": "embed", "type": "embedding", "filters": 3},
        {"name": "first", "type": "conv", "filters": 4, "width": 3, "relu": true},
        {"name": "a1", "type": "conv", "filters": 6, "width": 4, "stride": 4, "norm": true, "relu": true, "dropout": true},
        {"name": "a2", "type": "lstm", "filters": 3, "bidirectional": true},
        {"name": "a3", "type": "up_conv", "filters": 4, "stride": 4, "norm": true, "relu": true},
        {"name": "a4", "type": "dense", "filters": 5, "relu": true, "dropout": true},
        {"name": "a5", "type": "dense"},
        {"name": "b1", "type": "conv", "from": "a3", "weights": "a1", "filters": 6, "width": 4, "stride": 4, "norm": true, "relu": true, "dropout": true},
        {"name": "b2", "type": "lstm", "weights": "a2", "filters": 3, "bidirectional": true},
        {"name": "b3", "type": "up_conv", "weights": "a3", "filters": 4, "stride": 4, "norm": true, "relu": true},
        {"name": "b4", "type": "dense", "weights": "a4", "filters": 5, "relu": true, "dropout": true},
        {"name": "b5", "type": "dense", "weights": "a5"}],
        "heads": [{"from": "a5", "weight": 0.25}, {"from": "b5", "weight": 0.75}]})",
                      "shared");
}

// Binned coverage with dense connections.
inline Spec coverage_spec() {
    return parse_spec(R"({"name": "coverage", "task": "coverage", "window": 64, "layers": [
        {"name": "embed", "type": "embedding", "filters": 3},
        {"name": "conv1", "type": "conv", "filters": 4, "width": 5, "norm": true, "relu": true},
        {"name": "pool1", "type": "pool", "width": 8, "stride": 8},
        {"name": "conv2", "type": "conv", "filters": 3, "width": 3, "dilation": 2, "relu": true},
        {"name": "joined", "type": "concat", "from": ["pool1", "conv2"]},
        {"name": "conv3", "type": "conv", "filters": 4, "width": 3, "relu": true},
        {"name": "all", "type": "concat", "from": ["conv3", "pool1", "joined"], "relu": true, "dropout": true},
        {"name": "out", "type": "dense"}]})",
                      "coverage");
}

inline std::vector<Spec> specs_of_every_kind() {
    return {small_spec(),     unstrided_spec(), flat_spec(),   linear_spec(),
            flat_head_spec(), lstm_spec(),      shared_spec(), coverage_spec()};
}

// Every preset with few filters, and of those that take any a short window: layers and sizes are theirs.
inline std::vector<Spec> tiny_presets() {
    std::vector<Spec> specs;
    for (const std::string& name : preset_names()) {
        Spec spec = preset(name);
        for (LayerSpec& layer : spec.layers) layer.filters = std::min(layer.filters, 7);
        if (spec.task == Task::nucleotide) spec = with_window(spec, 640, name);
        if (spec.task == Task::coverage) spec = with_window(spec, 2048, name);
        specs.push_back(std::move(spec));
    }
    return specs;
}

inline std::vector<Spec> all_specs() {
    std::vector<Spec> specs = specs_of_every_kind();
    for (Spec& spec : tiny_presets()) specs.push_back(std::move(spec));
    return specs;
}

// The values of all tensors.
inline std::vector<float> flat(const std::vector<NamedTensor>& tensors) {
    std::vector<float> all;
    for (const NamedTensor& tensor : tensors)
        all.insert(all.end(), tensor.values.begin(), tensor.values.end());
    return all;
}

struct Windows {
    std::vector<std::uint8_t> codes;
    std::vector<LabelRun> runs;
    std::vector<std::int64_t> offsets;
    std::int64_t batch, length;
    std::int64_t positions = length;  // outputs of a window

    Codes view() const { return {codes.data(), batch, length}; }
    Labels labels() const { return {runs.data(), offsets.data()}; }
};

inline std::uint32_t next_random(std::uint64_t& state) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state >> 33);
}

// Random bases (one in twenty N) and, for each marker, about two runs a window, over `positions` (0: as many
// as bases).
inline Windows random_windows(std::int64_t batch, std::int64_t length, int markers, std::uint64_t seed,
                              std::int64_t positions = 0) {
    Windows w{{}, {}, {0}, batch, length};
    if (positions > 0) w.positions = positions;
    std::uint64_t state = seed;
    for (std::int64_t i = 0; i < batch * length; ++i)
        w.codes.push_back(
            static_cast<std::uint8_t>(next_random(state) % 20 == 0 ? 0 : 1 + next_random(state) % 4));
    for (std::int64_t s = 0; s < batch; ++s) {
        for (std::int32_t m = 0; m < markers; ++m) {
            const auto outputs = static_cast<std::uint32_t>(w.positions);
            std::int64_t at = next_random(state) % std::max<std::uint32_t>(outputs, 2);
            while (at < w.positions) {
                const std::int64_t end = std::min<std::int64_t>(
                    w.positions, at + 1 + next_random(state) % std::max<std::uint32_t>(outputs / 4, 1));
                w.runs.push_back({m, static_cast<std::int32_t>(at), static_cast<std::int32_t>(end),
                                  static_cast<float>(1 + end % 3)});
                at = end + 1 + next_random(state) % outputs;
            }
        }
        w.offsets.push_back(static_cast<std::int64_t>(w.runs.size()));
    }
    return w;
}

inline Windows windows_of(const Spec& spec, std::int64_t batch, int markers, std::uint64_t seed) {
    return random_windows(batch, spec.window, markers, seed, summarise(spec, markers).outputs);
}

// Weights that are not special anywhere: norms off 1 and 0, statistics off their start.
inline void randomise(Network& network, std::uint64_t seed) {
    const std::vector<double> prevalence(static_cast<std::size_t>(network.markers()), 0.2);
    network.initialise(seed, prevalence);
    std::vector<NamedTensor> state = network.state();
    std::uint64_t random = seed;
    for (NamedTensor& tensor : state)
        if (tensor.name.find(".norm.") != std::string::npos)
            for (float& value : tensor.values)
                value += 0.5f * static_cast<float>(next_random(random) % 1000) / 1000.0f - 0.1f;
    network.load(state);
}

inline std::vector<float> infer_all(Network& network, const Windows& w,
                                    TailOutput kind = TailOutput::logits) {
    std::vector<float> out(static_cast<std::size_t>(w.batch * network.markers() * w.positions));
    network.infer(w.view(), 0, w.length, kind, out);
    return out;
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    if (a.size() != b.size()) return HUGE_VAL;
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double difference = std::fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        if (!(difference <= largest)) largest = difference;  // keeps NaN
    }
    return largest;
}

inline double largest(const std::vector<float>& values) {
    return largest_difference(values, std::vector<float>(values.size(), 0.0f));
}

// The back ends that have every operation; the reference first.
inline std::vector<std::string> devices() {
    return {"reference", "cpu"};
}

inline std::unique_ptr<Backend> backend(const std::string& device) {
    return make_backend({device, 2, ""}).backend;
}

}  // namespace regkit::test
