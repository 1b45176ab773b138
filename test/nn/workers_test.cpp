// Neither training nor any output depends on the number of workers, bit by bit, in f32 and bf16.
#include <doctest/doctest.h>

#include <vector>

#include "test/nn/support.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr int kMarkers = 5;

struct Outcome {
    std::vector<double> losses;
    std::vector<float> state, optimiser, logits, probabilities;
    std::vector<std::uint8_t> codes;
    CalledRuns called;
};

Outcome outcome(const Spec& spec, Precision precision, int workers) {
    const auto backend = make_backend({"cpu", workers, "", precision}).backend;
    Network network(spec, kMarkers, *backend);
    randomise(network, 4);
    const Windows w = windows_of(spec, 3, kMarkers, 9);
    Outcome result;
    for (std::int64_t step = 0; step < 3; ++step) {
        AdamStep adam;
        adam.step = step + 1;
        adam.clip_norm = 0.5f;
        const StepResult done =
            network.train(w.view(), w.labels(), {3, static_cast<std::uint64_t>(step), 2, 1}, adam);
        result.losses.push_back(done.loss);
        result.losses.push_back(done.grad_norm);
    }
    result.state = flat(network.state());
    result.optimiser = flat(network.optimiser_state());
    result.logits = infer_all(network, w);
    result.probabilities = infer_all(network, w, TailOutput::probabilities);
    result.codes.resize(result.logits.size());
    network.infer_codes(w.view(), 0, w.length, result.codes);
    const std::vector<float> cutoffs(kMarkers, result.logits[result.logits.size() / 2]);
    network.infer_runs(w.view(), 0, w.length, TailOutput::logits, cutoffs, result.called);
    return result;
}

}  // namespace

TEST_CASE("training and every output are the same bits with 1, 2 and 3 workers, in f32 and bf16") {
    for (const Precision precision : {Precision::f32, Precision::bf16})
        for (const Spec& spec : all_specs()) {
            CAPTURE(spec.name);
            const std::string operands = precision_name(precision);
            CAPTURE(operands);
            const Outcome alone = outcome(spec, precision, 1);
            CHECK(alone.losses.front() != alone.losses[2]);  // something is learnt
            CHECK_FALSE(alone.called.runs.empty());
            for (const int workers : {2, 3}) {
                CAPTURE(workers);
                const Outcome several = outcome(spec, precision, workers);
                CHECK(several.losses == alone.losses);
                CHECK(several.state == alone.state);
                CHECK(several.optimiser == alone.optimiser);
                CHECK(several.logits == alone.logits);
                CHECK(several.probabilities == alone.probabilities);
                CHECK(several.codes == alone.codes);
                CHECK(several.called.runs == alone.called.runs);
                CHECK(several.called.values == alone.called.values);
            }
        }
}
