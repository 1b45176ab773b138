// For network_torch.py: network_probe PRESET DEVICE FOLDER. Random weights, statistics and windows; writes
// the weights as a model file would hold them, and logits, loss, gradients and new statistics.
#include <cstdio>

#include "io/safetensors.hpp"
#include "support.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr int kMarkers = 7;

void dump(const std::string& preset_name, const std::string& device, const std::string& folder) {
    const auto b = backend(device);
    Network network(preset(preset_name), kMarkers, *b);
    randomise(network, 12);
    const Windows w = random_windows(2, 2000, kMarkers, 34);
    TensorFile weights;
    weights.tensors = network.state();
    write_safetensors(folder + "/weights.safetensors", weights);

    TensorFile results;
    NamedTensor codes{"codes", {w.batch, w.length}, {}};
    codes.values.assign(w.codes.begin(), w.codes.end());
    NamedTensor labels{"labels", {w.batch, kMarkers, w.length}, {}};
    labels.values.resize(static_cast<std::size_t>(w.batch * kMarkers * w.length));
    for (std::int64_t s = 0; s < w.batch; ++s)
        for (std::int64_t r = w.offsets[static_cast<std::size_t>(s)];
             r < w.offsets[static_cast<std::size_t>(s) + 1]; ++r) {
            const LabelRun& run = w.runs[static_cast<std::size_t>(r)];
            for (std::int64_t p = run.begin; p < run.end; ++p)
                labels.values[static_cast<std::size_t>((s * kMarkers + run.marker) * w.length + p)] = 1;
        }
    const NamedTensor logits{"logits", {w.batch, kMarkers, w.length}, infer_all(network, w)};
    const StepResult step = network.forward_backward(w.view(), w.labels(), {1, 0, 1.5f, 0});
    results.tensors = {codes, labels, logits, {"loss", {1}, {static_cast<float>(step.loss)}}};
    for (NamedTensor& gradient : network.gradients()) {
        gradient.name = "gradient." + gradient.name;
        results.tensors.push_back(std::move(gradient));
    }
    for (NamedTensor& tensor : network.state()) {
        tensor.name = "after." + tensor.name;
        results.tensors.push_back(std::move(tensor));
    }
    write_safetensors(folder + "/results.safetensors", results);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: network_probe PRESET DEVICE FOLDER\n");
        return 2;
    }
    try {
        dump(argv[1], argv[2], argv[3]);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "network_probe: %s\n", e.what());
        return 1;
    }
}
