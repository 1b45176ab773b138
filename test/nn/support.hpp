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

struct Windows {
    std::vector<std::uint8_t> codes;
    std::vector<LabelRun> runs;
    std::vector<std::int64_t> offsets;
    std::int64_t batch, length;

    Codes view() const { return {codes.data(), batch, length}; }
    Labels labels() const { return {runs.data(), offsets.data()}; }
};

inline std::uint32_t next_random(std::uint64_t& state) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state >> 33);
}

// Random bases (one in twenty N) and, for each marker, about two runs a window.
inline Windows random_windows(std::int64_t batch, std::int64_t length, int markers, std::uint64_t seed) {
    Windows w{{}, {}, {0}, batch, length};
    std::uint64_t state = seed;
    for (std::int64_t i = 0; i < batch * length; ++i)
        w.codes.push_back(
            static_cast<std::uint8_t>(next_random(state) % 20 == 0 ? 0 : 1 + next_random(state) % 4));
    for (std::int64_t s = 0; s < batch; ++s) {
        for (std::int32_t m = 0; m < markers; ++m) {
            std::int64_t at = next_random(state) % static_cast<std::uint32_t>(length);
            while (at < length) {
                const std::int64_t end = std::min<std::int64_t>(
                    length, at + 1 + next_random(state) % static_cast<std::uint32_t>(length / 4));
                w.runs.push_back({m, static_cast<std::int32_t>(at), static_cast<std::int32_t>(end)});
                at = end + 1 + next_random(state) % static_cast<std::uint32_t>(length);
            }
        }
        w.offsets.push_back(static_cast<std::int64_t>(w.runs.size()));
    }
    return w;
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
    std::vector<float> out(static_cast<std::size_t>(w.batch * network.markers() * w.length));
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

// The back ends that have every operation; the reference first.
inline std::vector<std::string> devices() {
    return {"reference", "cpu"};
}

inline std::unique_ptr<Backend> backend(const std::string& device) {
    return make_backend({device, 2, ""}).backend;
}

}  // namespace regkit::test
