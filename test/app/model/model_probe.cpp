// Makes a model with random weights for tests of the tools: model_probe OUT SPEC_JSON SEED SCALE
// MARKER[:CLASS[:CELL[:TARGET]]]... Weights are PyTorch's initial ones times SCALE, so that predictions vary
// along the sequence.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "app/model/model.hpp"
#include "kernels/backend.hpp"
#include "nn/network.hpp"

int main(int argc, char** argv) {
    using namespace regkit;
    if (argc < 6) return 2;
    try {
        Model model;
        std::ifstream file(argv[2]);
        const std::string json{std::istreambuf_iterator<char>(file), {}};
        model.spec = parse_spec(json, argv[2]);
        for (int i = 5; i < argc; ++i) {
            std::istringstream text(argv[i]);
            Marker marker;
            marker.prevalence = 0.2;
            for (std::string* part : {&marker.name, &marker.class_name, &marker.cell, &marker.target})
                std::getline(text, *part, ':');
            model.markers.push_back(marker);
        }
        const auto choice = make_backend({.device = "reference", .workers = 1, .isa = ""});
        Network network(model.spec, static_cast<int>(model.markers.size()), *choice.backend);
        network.initialise(std::stoull(argv[3]), std::vector<double>(model.markers.size(), 0.3));
        model.tensors = network.state();
        const float scale = std::stof(argv[4]);
        for (NamedTensor& tensor : model.tensors)
            for (float& value : tensor.values) value *= scale;
        save_model(argv[1], model);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "model_probe: %s\n", error.what());
        return 1;
    }
    return 0;
}
