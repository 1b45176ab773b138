// A model with random weights, for tests of the tools: quick to make, and its predictions vary.
//   random_model OUT SPEC.json|PRESET GAIN CONTIG:LENGTH NAME=CLASS...
// Outputs of a fixed window are bins of 200 bases in its middle.
// Weights are as drawn for training, times GAIN.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "app/model/model.hpp"
#include "kernels/backend.hpp"
#include "nn/network.hpp"

using namespace regkit;

namespace {

std::pair<std::string, std::string> halves(const std::string& text, char at) {
    const auto split = text.find(at);
    return {text.substr(0, split), split == std::string::npos ? "" : text.substr(split + 1)};
}

void make(int argc, char** argv) {
    Model model;
    std::ifstream file(argv[2]);
    model.spec =
        file ? parse_spec(std::string{std::istreambuf_iterator<char>(file), {}}, argv[2]) : preset(argv[2]);
    const auto [contig, length] = halves(argv[4], ':');
    model.reference.push_back({contig, std::atoll(length.c_str()), "0123456789abcdef0123456789abcdef"});
    for (int i = 5; i < argc; ++i) {
        const auto [name, class_name] = halves(argv[i], '=');
        model.markers.push_back({name, class_name, "", "", 0.2});
    }
    const SpecSummary summary = summarise(model.spec, static_cast<int>(model.markers.size()));
    model.layout = {to_string(model.spec.task), summary.fixed_window ? 200 : summary.scale, 0,
                    summary.outputs, 0.5};
    if (summary.fixed_window) model.layout.offset = (model.spec.window - model.layout.span()) / 2;
    const auto backend = make_backend({.device = "cpu", .workers = 1, .isa = ""}).backend;
    Network network(model.spec, static_cast<int>(model.markers.size()), *backend);
    network.initialise(7, std::vector<double>(model.markers.size(), 0.2));
    model.tensors = network.state();
    for (NamedTensor& tensor : model.tensors)
        if (!tensor.name.ends_with("running_var"))
            for (float& value : tensor.values) value *= std::strtof(argv[3], nullptr);
    save_model(argv[1], model);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 6) return 2;
    try {
        make(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "random_model: " << error.what() << "\n";
        return 1;
    }
}
