// Whole networks on the CUDA back end's kernels, under the emulator, against the reference.
#include <doctest/doctest.h>

#include "support.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/stand_in_engines.hpp"

using namespace regkit;
using namespace regkit::test;
using emulator::Order;

namespace {

constexpr int kMarkers = 3;
constexpr std::int64_t kBatch = 3;

// The paper's network with few channels and a short window.
Spec small_dilated() {
    Spec spec = preset("dilated");
    spec.window = 500;  // in a shorter one the last convolution sees padding alone
    for (LayerSpec& layer : spec.layers)
        if (layer.filters > 0) layer.filters = std::min(layer.filters, 6);
    return spec;
}

const char* const kRecurrent = R"({"name": "recurrent", "window": 60, "dropout": 0.2, "layers": [
    {"name": "embed", "type": "embedding", "filters": 3},
    {"name": "conv", "type": "conv", "filters": 5, "width": 4, "stride": 4, "relu": true, "dropout": true},
    {"name": "lstm", "type": "lstm", "filters": 4, "bidirectional": true},
    {"name": "both", "type": "concat", "from": ["conv", "lstm"]},
    {"name": "up", "type": "up_conv", "filters": 5, "stride": 4, "norm": true, "relu": true},
    {"name": "head", "type": "dense"}]})";
const char* const kWindow = R"({"name": "window", "task": "bin", "window": 50, "dropout": 0.2, "layers": [
    {"name": "bases", "type": "one_hot"},
    {"name": "conv", "type": "conv", "filters": 6, "width": 5, "padding": "valid", "norm": true, "relu": true},
    {"name": "pool", "type": "pool", "width": 4, "stride": 4, "padding": "valid"},
    {"name": "hidden", "type": "dense", "filters": 8, "flatten": true, "norm": true, "relu": true, "dropout": true},
    {"name": "head", "type": "dense"}]})";
const char* const kLinear = R"({"name": "linear", "task": "bin", "window": 30, "layers": [
    {"name": "bases", "type": "one_hot"}, {"name": "hidden", "type": "dense", "filters": 5, "flatten": true, "relu": true},
    {"name": "head", "type": "dense"}]})";
const char* const kCoverage = R"({"name": "coverage", "task": "coverage", "window": 64, "layers": [
    {"name": "bases", "type": "one_hot"},
    {"name": "conv", "type": "conv", "filters": 6, "width": 5, "relu": true},
    {"name": "pool", "type": "pool", "width": 8, "stride": 8},
    {"name": "conv2", "type": "conv", "filters": 6, "width": 3, "dilation": 2, "relu": true},
    {"name": "sum", "type": "add", "from": ["pool", "conv2"]},
    {"name": "head", "type": "dense"}]})";

std::vector<float> flat(const std::vector<NamedTensor>& tensors) {
    std::vector<float> all;
    for (const NamedTensor& tensor : tensors)
        all.insert(all.end(), tensor.values.begin(), tensor.values.end());
    return all;
}

// Random windows, and a run of labels over the output positions for most markers.
Windows windows_of(const Spec& spec, std::int64_t outputs) {
    Windows w = random_windows(kBatch, spec.window, kMarkers, 21);
    w.runs.clear();
    w.offsets = {0};
    for (std::int64_t s = 0; s < kBatch; ++s) {
        for (int m = 0; m < kMarkers; ++m) {
            if ((s + m) % 4 == 3) continue;
            const std::int64_t begin = (7 * s + 3 * m) % outputs;
            const std::int64_t end = std::min(outputs, begin + 1 + (outputs + m) / 3);
            w.runs.push_back({m, static_cast<std::int32_t>(begin), static_cast<std::int32_t>(end), 1.5f});
        }
        w.offsets.push_back(static_cast<std::int64_t>(w.runs.size()));
    }
    return w;
}

// What comes out of the bases' gradients, two steps of training and an inference.
struct Outcome {
    std::vector<float> gradients, state, predictions, bases;
    std::vector<double> losses;
    bool operator==(const Outcome&) const = default;
};

Outcome train(const Spec& spec, bool fused, Backend& backend) {
    Network network(spec, kMarkers, backend);
    network.use_fused_tail(fused);
    randomise(network, 8);
    const SpecSummary& summary = network.summary();
    const std::int64_t outputs = summary.fixed_window ? summary.outputs : spec.window / summary.scale;
    const Windows w = windows_of(spec, outputs);
    Outcome outcome;
    outcome.bases.resize(static_cast<std::size_t>(kBatch * 4 * spec.window));
    network.base_gradients(w.view(),
                           std::vector<float>(static_cast<std::size_t>(kBatch * kMarkers * outputs), 1.0f),
                           outcome.bases);
    AdamStep adam;
    adam.clip_norm = 0.5f;
    for (std::uint64_t step = 0; step < 2; ++step) {
        adam.step = static_cast<std::int64_t>(step) + 1;
        outcome.losses.push_back(network.train(w.view(), w.labels(), {3, step, 2, 1}, adam).loss);
        if (step == 0) outcome.gradients = flat(network.gradients());
    }
    outcome.state = flat(network.state());
    outcome.predictions.resize(static_cast<std::size_t>(kBatch * kMarkers * outputs));
    const TailOutput kind = spec.task == Task::coverage ? TailOutput::rates : TailOutput::probabilities;
    network.infer(w.view(), 0, spec.window, kind, outcome.predictions);
    return outcome;
}

}  // namespace

TEST_CASE("networks on the emulated CUDA back end agree with the reference, in every order of threads") {
    const std::vector<Spec> specs = {small_dilated(),
                                     small_spec(),
                                     parse_spec(kRecurrent, "recurrent"),
                                     parse_spec(kWindow, "window"),
                                     parse_spec(kLinear, "linear"),
                                     parse_spec(kCoverage, "coverage")};
    const auto reference = backend("reference");
    for (const Spec& spec : specs)
        for (const bool fused : {true, false}) {
            CAPTURE(spec.name);
            CAPTURE(fused);
            const Outcome expected = train(spec, fused, *reference);
            const Outcome forward = train(spec, fused, *make_emulator_backend(Order::forward));
            for (std::size_t i = 0; i < expected.losses.size(); ++i)
                CHECK(std::fabs(forward.losses[i] - expected.losses[i]) <= 1e-5);
            CHECK(largest_difference(forward.gradients, expected.gradients) <= 5e-5);
            CHECK(largest_difference(forward.predictions, expected.predictions) <= 5e-4);
            CHECK(largest(expected.bases) > 0);
            CHECK(largest_difference(forward.bases, expected.bases) <= 5e-3 * largest(expected.bases));
            CHECK(largest_difference(forward.state, expected.state) <= 2e-3);  // Adam's sign-like first steps
            CHECK(forward == train(spec, fused, *make_emulator_backend(Order::reverse)));
            CHECK(forward == train(spec, fused, *make_emulator_backend(Order::shuffled)));
        }
}

// Through what stands in for cuDNN: its LSTM is in fp32, the convolutions in bf16.
TEST_CASE("a network with an LSTM through cuDNN agrees with the reference, in every order of threads") {
    const Spec spec = parse_spec(kRecurrent, "recurrent");
    const Outcome expected = train(spec, true, *backend("reference"));
    emulator::stand_in() = {};
    const auto by_cudnn = make_emulator_backend(Order::forward, kAllKernels);
    const Outcome forward = train(spec, true, *by_cudnn);
    CHECK(emulator::stand_in().lstm.forwards ==
          4);  // the bases' gradients, two steps of training, an inference
    CHECK(emulator::stand_in().lstm.gradients == 3);
    CHECK(by_cudnn->take_notices().empty());
    for (std::size_t i = 0; i < expected.losses.size(); ++i)
        CHECK(std::fabs(forward.losses[i] - expected.losses[i]) <= 5e-3);
    CHECK(largest_difference(forward.gradients, expected.gradients) <= 2e-2);
    CHECK(largest_difference(forward.predictions, expected.predictions) <= 1e-2);
    CHECK(largest_difference(forward.bases, expected.bases) <= 5e-2 * largest(expected.bases));
    CHECK(forward == train(spec, true, *make_emulator_backend(Order::reverse, kAllKernels)));
    CHECK(forward == train(spec, true, *make_emulator_backend(Order::shuffled, kAllKernels)));
    emulator::stand_in() = {};
}

// Everything of a step is queued before any of it has run: the host waits once, for the loss and the
// gradient's norm.
TEST_CASE("a step of training on the CUDA back end waits for the device once") {
    const Spec spec = small_spec();
    const auto emulated = make_emulator_backend(Order::forward);
    Network network(spec, kMarkers, *emulated);
    randomise(network, 8);
    const Windows w = windows_of(spec, spec.window);
    for (std::uint64_t step = 0; step < 3; ++step) {
        const emulator::Waits before = emulator::waits();
        CHECK(network.train(w.view(), w.labels(), {3, step, 2, 1}, {}).finite());
        if (step == 0) continue;  // which makes the buffers
        CHECK(emulator::waits().stream == before.stream + 1);
        CHECK(emulator::waits().event == before.event);
    }
}
