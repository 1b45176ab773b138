// For network_torch.py: network_probe SPEC.json DEVICE FOLDER BATCH SEED [ISA]. Random weights, statistics
// and windows; writes the weights as a model file would hold them, and logits, gradients of the bases, loss,
// gradients and new statistics. network_probe --isas f32|bf16: the instruction sets of the cpu back end here,
// the best first.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "io/safetensors/safetensors.hpp"
#include "kernels/cpu/cpu_backend.hpp"
#include "support.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr int kMarkers = 7;

// [batch][markers][outputs], as the loss sees them.
NamedTensor dense_labels(const Windows& w, Task task) {
    NamedTensor dense{"labels", {w.batch, kMarkers, w.positions}, {}};
    dense.values.resize(static_cast<std::size_t>(w.batch * kMarkers * w.positions));
    for (std::int64_t s = 0; s < w.batch; ++s)
        for (std::int64_t r = w.offsets[static_cast<std::size_t>(s)];
             r < w.offsets[static_cast<std::size_t>(s) + 1]; ++r) {
            const LabelRun& run = w.runs[static_cast<std::size_t>(r)];
            const float value = task == Task::coverage ? run.value : 1;
            for (std::int64_t p = run.begin; p < run.end; ++p)
                dense.values[static_cast<std::size_t>((s * kMarkers + run.marker) * w.positions + p)] = value;
        }
    return dense;
}

void dump(const Spec& spec, const std::string& device, const std::string& folder, std::int64_t batch,
          std::uint64_t seed, const std::string& isa) {
    const auto b = make_backend({device, 2, isa}).backend;
    Network network(spec, kMarkers, *b);
    randomise(network, 3 * seed);
    const Windows w = windows_of(spec, batch, kMarkers, 3 * seed + 1);
    TensorFile weights;
    weights.tensors = network.state();
    write_safetensors(folder + "/weights.safetensors", weights);

    TensorFile results;
    NamedTensor codes{"codes", {w.batch, w.length}, {}};
    codes.values.assign(w.codes.begin(), w.codes.end());
    const NamedTensor logits{"logits", {w.batch, kMarkers, w.positions}, infer_all(network, w)};
    // Weights of the logits, of which the bases' gradients are taken.
    NamedTensor d_logits{"d_logits", logits.shape, {}};
    std::uint64_t random = 3 * seed + 2;
    for (std::size_t i = 0; i < logits.values.size(); ++i)
        d_logits.values.push_back(static_cast<float>(next_random(random) % 2001) / 1000.0f - 1);
    NamedTensor bases{"bases", {w.batch, 4, w.length}, {}};
    bases.values.resize(static_cast<std::size_t>(w.batch * 4 * w.length));
    network.base_gradients(w.view(), d_logits.values, bases.values);
    // Between the windows and themselves backwards, of two markers.
    const std::vector<std::uint8_t> from(w.codes.rbegin(), w.codes.rend());
    const std::vector<int> two{2, 5};
    NamedTensor share{"share", {w.batch}, {}}, weights_of{"weights_of", {w.batch, w.positions}, {}};
    for (std::int64_t s = 0; s < w.batch; ++s)
        share.values.push_back(static_cast<float>(next_random(random) % 1000) / 1000);
    for (std::int64_t i = 0; i < w.batch * w.positions; ++i)
        weights_of.values.push_back(static_cast<float>(next_random(random) % 2001) / 1000.0f - 1);
    NamedTensor symbols{"symbols", {2, w.batch, 5, w.length}, {}};
    symbols.values.resize(static_cast<std::size_t>(2 * w.batch * 5 * w.length));
    const BetweenCodes between{from, share.values};
    network.symbol_gradients(w.view(), &between, weights_of.values, two, symbols.values);
    const StepResult step = network.forward_backward(w.view(), w.labels(), {1, 0, 1.5f, 0});
    results.tensors = {codes,
                       dense_labels(w, spec.task),
                       logits,
                       d_logits,
                       bases,
                       share,
                       weights_of,
                       symbols,
                       {"loss", {1}, {static_cast<float>(step.loss)}}};
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
    if (argc == 3 && std::string(argv[1]) == "--isas") {
        const bool bf16 = std::string(argv[2]) == "bf16";
        for (const std::string& isa : cpu_isas(bf16 ? Precision::bf16 : Precision::f32))
            std::puts(isa.c_str());
        return 0;
    }
    if (argc != 6 && argc != 7) {
        std::fprintf(stderr,
                     "usage: network_probe SPEC.json DEVICE FOLDER BATCH SEED [ISA] | --isas f32|bf16\n");
        return 2;
    }
    try {
        std::ifstream file(argv[1]);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        dump(parse_spec(text, argv[1]), argv[2], argv[3], std::atoll(argv[4]),
             std::strtoull(argv[5], nullptr, 10), argc == 7 ? argv[6] : "");
    } catch (const std::exception& e) {
        std::fprintf(stderr, "network_probe: %s\n", e.what());
        return 1;
    }
}
