// One model on the CPU and on the GPU: gpu_compare DEVICE SPEC.json MARKERS BATCH KERNELS...
// Logits of random windows, and the loss and gradients of a step of training, with each choice of kernels
// (REGKIT_CUDA_KERNELS: plain in f32, the others in bf16) against the CPU's f32. A line each: what, the
// largest difference relative to the largest value (of gradients: the norm of the difference to the norm),
// and the bound; before them what the back end says of how it was done. Exits 1 where a bound is broken.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "nn/network.hpp"

using namespace regkit;

namespace {

struct Outcome {
    std::vector<float> logits, gradients;
    double loss = 0;
    std::vector<std::string> notices;
};

struct Inputs {
    Spec spec;
    int markers = 0;
    std::int64_t batch = 0;
    std::vector<std::uint8_t> codes;
    std::vector<LabelRun> runs;
    std::vector<std::int64_t> offsets{0};
};

std::uint32_t next_random(std::uint64_t& state) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state >> 33);
}

Inputs make_inputs(const Spec& spec, int markers, std::int64_t batch, std::int64_t outputs) {
    Inputs inputs{spec, markers, batch, {}, {}, {0}};
    std::uint64_t state = 1;
    for (std::int64_t i = 0; i < batch * spec.window; ++i)
        inputs.codes.push_back(static_cast<std::uint8_t>(next_random(state) % kSymbols));
    for (std::int64_t s = 0; s < batch; ++s) {
        for (std::int32_t m = 0; m < markers; ++m) {
            const auto begin = static_cast<std::int32_t>(next_random(state) % outputs);
            const auto end = static_cast<std::int32_t>(
                std::min<std::int64_t>(outputs, begin + 1 + next_random(state) % 400));
            inputs.runs.push_back({m, begin, end});
        }
        inputs.offsets.push_back(static_cast<std::int64_t>(inputs.runs.size()));
    }
    return inputs;
}

Outcome run(const Inputs& inputs, const BackendOptions& options) {
    const auto backend = make_backend(options).backend;
    Network network(inputs.spec, inputs.markers, *backend);
    network.initialise(1, std::vector<double>(static_cast<std::size_t>(inputs.markers), 0.02));
    const Codes windows{inputs.codes.data(), inputs.batch, inputs.spec.window};
    Outcome outcome;
    // First a step, so that running statistics are not all 0 and 1.
    outcome.loss = network.forward_backward(windows, {inputs.runs.data(), inputs.offsets.data()}, {}).loss;
    for (const NamedTensor& tensor : network.gradients())
        outcome.gradients.insert(outcome.gradients.end(), tensor.values.begin(), tensor.values.end());
    const SpecSummary& summary = network.summary();
    const std::int64_t outputs = summary.fixed_window ? summary.outputs : inputs.spec.window / summary.scale;
    outcome.logits.resize(static_cast<std::size_t>(inputs.batch * inputs.markers * outputs));
    network.infer(windows, 0, inputs.spec.window, TailOutput::logits, outcome.logits);
    outcome.notices = backend->take_notices();
    return outcome;
}

double largest(const std::vector<float>& a, const std::vector<float>& b) {
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double d = std::fabs(double{a[i]} - b[i]);
        if (std::isnan(d)) return d;
        difference = std::fmax(difference, d);
        size = std::fmax(size, std::fabs(double{b[i]}));
    }
    return difference / size;
}

double relative_norm(const std::vector<float>& a, const std::vector<float>& b) {
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
        size += double{b[i]} * b[i];
    }
    return std::sqrt(difference / size);
}

bool report(const std::string& kernels, const char* what, double difference, double bound) {
    const bool ok = difference <= bound;  // not of NaN
    std::printf("%s %s: %.2g (at most %.2g)%s\n", kernels.c_str(), what, difference, bound,
                ok ? "" : " FAILED");
    return ok;
}

bool compare(const std::string& device, const Spec& spec, int markers, std::int64_t batch,
             const std::vector<std::string>& choices) {
    const SpecSummary summary = summarise(spec, markers);
    const Inputs inputs = make_inputs(spec, markers, batch,
                                      summary.fixed_window ? summary.outputs : spec.window / summary.scale);
    const Outcome expected = run(inputs, {"cpu", 0, "", Precision::f32});
    bool ok = true;
    for (const std::string& name : choices) {
        setenv("REGKIT_CUDA_KERNELS", name.c_str(), 1);
        const bool exact = name == "plain";
        const Outcome got = run(inputs, {device, 0, "", exact ? Precision::f32 : Precision::bf16});
        for (const std::string& notice : got.notices)
            std::printf("%s notice: %s\n", name.c_str(), notice.c_str());
        ok &= report(name, "logits", largest(got.logits, expected.logits), exact ? 1e-4 : 2e-2);
        ok &= report(name, "loss", std::fabs(got.loss - expected.loss) / expected.loss, exact ? 1e-5 : 2e-3);
        // In bf16 ReLUs turn here and there.
        ok &= report(name, "gradients", relative_norm(got.gradients, expected.gradients), exact ? 1e-3 : 0.1);
    }
    return ok;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 6) {
        std::fprintf(stderr, "usage: gpu_compare DEVICE SPEC.json MARKERS BATCH plain|sm80,sm90|...\n");
        return 2;
    }
    try {
        std::ifstream file(argv[2]);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        const std::vector<std::string> choices(argv + 5, argv + argc);
        return compare(argv[1], parse_spec(text, argv[2]), std::atoi(argv[3]), std::atoll(argv[4]), choices)
                   ? 0
                   : 1;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "gpu_compare: %s\n", e.what());
        return 1;
    }
}
