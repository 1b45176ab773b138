// One small model of every kind that the tools know, with random weights whose effects are strong.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "app/model/model.hpp"
#include "kernels/backend.hpp"
#include "nn/network.hpp"

namespace regkit::test {

struct Kind {
    const char* name;
    const char* spec;
    LabelLayout layout;
};

inline const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all{
        {"position-wise bins",
         R"({"name": "bins", "task": "bin", "window": 480, "dropout": 0, "layers": [
             {"name": "embed", "type": "embedding", "filters": 4},
             {"name": "conv1", "type": "conv", "filters": 8, "width": 7, "relu": true},
             {"name": "pool1", "type": "pool", "width": 4, "stride": 4},
             {"name": "conv2", "type": "conv", "filters": 6, "width": 4, "stride": 4, "norm": true, "relu": true},
             {"name": "conv3", "type": "conv", "filters": 6, "width": 3, "dilation": 2, "relu": true},
             {"name": "dense", "type": "dense"}]})",
         {"bin", 16, 0, 30, 0.5}},
        {"coverage",
         R"({"name": "coverage", "task": "coverage", "window": 400, "dropout": 0, "layers": [
             {"name": "one", "type": "one_hot"},
             {"name": "conv1", "type": "conv", "filters": 8, "width": 8, "stride": 4, "relu": true},
             {"name": "conv2", "type": "conv", "filters": 8, "width": 3, "relu": true},
             {"name": "sum", "type": "add", "from": ["conv1", "conv2"]},
             {"name": "dense", "type": "dense"}]})",
         {"coverage", 4, 0, 100, 0}},
        {"one bin a window",
         R"({"name": "window", "task": "bin", "window": 96, "dropout": 0, "layers": [
             {"name": "one", "type": "one_hot"},
             {"name": "conv1", "type": "conv", "filters": 8, "width": 5, "padding": "valid", "relu": true},
             {"name": "pool1", "type": "pool", "width": 4, "stride": 4, "padding": "valid"},
             {"name": "hidden", "type": "dense", "filters": 9, "flatten": true, "relu": true},
             {"name": "dense", "type": "dense"}]})",
         {"bin", 16, 40, 1, 0.5}},
        {"one bin aside of the middle",
         R"({"name": "aside", "task": "bin", "window": 60, "dropout": 0, "layers": [
             {"name": "one", "type": "one_hot"},
             {"name": "hidden", "type": "dense", "filters": 9, "flatten": true, "relu": true},
             {"name": "dense", "type": "dense"}]})",
         {"bin", 20, 8, 1, 0.5}},
        {"three bins a window",
         R"({"name": "three", "task": "bin", "window": 60, "dropout": 0, "layers": [
             {"name": "one", "type": "one_hot"},
             {"name": "conv1", "type": "conv", "filters": 8, "width": 20, "stride": 20, "padding": "valid", "relu": true},
             {"name": "dense", "type": "dense"}]})",
         {"bin", 10, 15, 3, 0.5}},
        {"LSTM",
         R"({"name": "lstm", "window": 100, "dropout": 0, "layers": [
             {"name": "embed", "type": "embedding", "filters": 4},
             {"name": "conv1", "type": "conv", "filters": 6, "width": 5, "stride": 5, "relu": true},
             {"name": "lstm", "type": "lstm", "filters": 5, "bidirectional": true},
             {"name": "up", "type": "up_conv", "filters": 6, "stride": 5, "relu": true},
             {"name": "dense", "type": "dense"}]})",
         {"nucleotide", 1, 0, 100, 0}},
        {"LSTM of bins",
         R"({"name": "lstm-bins", "task": "bin", "window": 100, "dropout": 0, "layers": [
             {"name": "embed", "type": "embedding", "filters": 4},
             {"name": "conv1", "type": "conv", "filters": 6, "width": 5, "stride": 5, "relu": true},
             {"name": "lstm", "type": "lstm", "filters": 5},
             {"name": "dense", "type": "dense"}]})",
         {"bin", 5, 0, 20, 0.5}},
        {"more context on the right than on the left",
         R"({"name": "uneven", "window": 100, "dropout": 0, "layers": [
             {"name": "embed", "type": "embedding", "filters": 4},
             {"name": "conv1", "type": "conv", "filters": 6, "width": 8, "relu": true},
             {"name": "conv2", "type": "conv", "filters": 6, "width": 4, "relu": true},
             {"name": "dense", "type": "dense"}]})",
         {"nucleotide", 1, 0, 100, 0}},
    };
    return all;
}

inline constexpr int kKindMarkers = 3;

inline Model model_of_kind(const Kind& kind, Backend& backend) {
    Model model;
    model.spec = parse_spec(kind.spec, kind.name);
    model.layout = kind.layout;
    for (const char* name : {"a", "b", "c"}) model.markers.push_back({name, "X", "", "", 0.2});
    Network network(model.spec, kKindMarkers, backend);
    network.initialise(5, std::vector<double>{0.2, 0.3, 0.4});
    model.tensors = network.state();
    for (NamedTensor& tensor : model.tensors)
        if (!tensor.name.ends_with("running_var"))
            for (float& value : tensor.values) value *= 2.0f;
    return model;
}

// Codes with some stretches of N.
inline std::vector<std::uint8_t> random_contig(std::int64_t length, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::uint8_t> contig(static_cast<std::size_t>(length));
    for (std::uint8_t& code : contig) code = static_cast<std::uint8_t>(1 + random() % 4);
    for (std::int64_t at = 130; at + 50 < length; at += 700)
        std::fill_n(contig.begin() + at, 20 + static_cast<std::int64_t>(random() % 30), std::uint8_t{0});
    return contig;
}

}  // namespace regkit::test
