// Every implementation of every list runs here by itself, on the emulated device that has it, and gives what
// the reference gives. A new one is met without a word here; a new operation needs a case.
#include "kernels/cuda/implementation.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "kernels/compose.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/emulator/conv_case.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/fault.hpp"
#include "test/emulator/stand_in_engines.hpp"
#include "test/emulator/stand_in_matmul.hpp"
#include "test/kernels/lstm_layer_case.hpp"
#include "test/kernels/tail_case.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

void keep_conv(Run& run) {
    const ConvResults results = convolve(run.backend(), {2, 20, 9, 300, {5, 1, 3, 6, 6}}, rounded);
    for (const Values& values : {results.y, results.dx, results.d_weight, results.d_bias})
        run.keep("conv", values);
}

void keep_lstm(Run& run) {
    keep_lstm_layer(run, {2, 7, 5, 2, 9});
}

const TailCase kTail{2, 4, 33, 10, 5, {6, 7}, 0.25f, 2};

void keep_tail(Run& run) {
    Backend& backend = run.backend();
    const View h = run.random(kTail.h(), 1);
    const Tail tail = make_tail(kTail, run, Weights(kTail).random());
    std::vector<float> out(static_cast<std::size_t>(kTail.batch * kTail.markers() * kTail.nucleotides()));
    backend(TailInfer{
        .h = h, .tail = tail, .begin = 0, .end = kTail.length, .kind = TailOutput::logits, .out = out});
    run.keep("logits", Values(out.begin(), out.end()));

    // What is made of the logits is the same everywhere; where they differ is no matter here.
    compose::Staging staging;
    std::vector<std::uint8_t> codes(out.size());
    compose::tail_codes(
        backend, TailCodes{.h = h, .tail = tail, .begin = 0, .end = kTail.length, .out = codes}, staging);
    CHECK(std::ranges::equal(codes, out, {}, {}, logit_code));
    CalledRuns runs, expected;
    const auto row = static_cast<std::size_t>(kTail.nucleotides());
    std::vector<float> cutoffs;
    for (std::size_t m = 0; m < static_cast<std::size_t>(kTail.markers()); ++m)
        cutoffs.push_back(out[m * row + row / 2]);
    compose::tail_runs(backend,
                       TailRuns{.h = h,
                                .tail = tail,
                                .begin = 0,
                                .end = kTail.length,
                                .kind = TailOutput::logits,
                                .cutoffs = cutoffs,
                                .out = &runs},
                       staging);
    for (std::int32_t r = 0; r < kTail.batch * kTail.markers(); ++r)
        expected.append_row(r / kTail.markers(), r % kTail.markers(),
                            std::span(out).subspan(static_cast<std::size_t>(r) * row, row),
                            cutoffs[static_cast<std::size_t>(r % kTail.markers())]);
    CHECK(runs.runs == expected.runs);
    CHECK(runs.values == expected.values);

    const View dh = run.output(kTail.h());
    const Slice loss = run.zeros(1);
    const OwnedLabels labels(kTail);
    backend(TailTrain{.h = h,
                      .tail = tail,
                      .labels = labels.labels(),
                      .how = loss_of(kTail),
                      .loss = loss,
                      .gradient = make_gradient(kTail, Weights(kTail).zeros(run)),
                      .dh = dh});
    run.keep("loss", loss);
}

const std::map<Family, Body> kBodies = {
    {Family::conv, keep_conv}, {Family::lstm, keep_lstm}, {Family::tail, keep_tail}};

// That family's kernels alone.
KernelChoice only(Family family, Kernels kernels) {
    KernelChoice choice;
    choice.set(family, {kernels});
    // An LSTM's plain layer is one that cuDNN might have done.
    if (family == Family::lstm) choice.set(family, {Kernels::cudnn});
    return choice;
}

}  // namespace

TEST_CASE("implementations: each of each operation, against the reference") {
    std::set<std::pair<std::string, Kernels>> left;
    for (const auto& [family, operation, kernels] : cuda::implementations()) left.emplace(operation, kernels);
    CHECK(left.size() == 3 * 4 + 2 * 2 + 4 * 4);
    for (const auto& [family, body] : kBodies) {
        const auto reference = make_reference_backend();
        Run expected(*reference);
        body(expected);
        for (int k = 0; k < static_cast<int>(std::size(kKernelNames)); ++k) {
            const auto kernels = static_cast<Kernels>(k);
            const FamilyKernels& of = kFamilies[static_cast<int>(family)];
            if (!of.kernels.has(kernels)) continue;
            CAPTURE(of.name);
            CAPTURE(name_of(kernels));
            const OnDevice device(kernels == Kernels::sm90 ? 90 : 80);
            emulator::stand_in() = {};
            emulator::stand_in_matmul() = {};
            // An LSTM that cuDNN does wrongly is left to the plain kernels.
            if (family == Family::lstm && kernels == Kernels::plain)
                emulator::stand_in().lstm.forward = emulator::StandInLstm::Way::wrong;
            const auto backend = make_emulator_backend(emulator::Order::forward, only(family, kernels));
            Run got(*backend);
            body(got);
            REQUIRE(got.results().size() == expected.results().size());
            for (std::size_t i = 0; i < got.results().size(); ++i)
                check_close(got.results()[i].name, got.results()[i].values, expected.results()[i].values,
                            kernels == Kernels::plain ? 1e-5 : 2e-2);
            for (const std::string& line : backend->take_choices())
                for (const auto& [f, operation, of_list] : cuda::implementations())
                    if (line == std::string(operation) + ": computed by " + name_of(of_list))
                        left.erase({operation, of_list});
            CHECK(backend->take_choices().empty());  // said once
        }
    }
    emulator::stand_in() = {};
    for (const auto& [operation, kernels] : left)
        FAIL_CHECK(operation << " was never computed by " << std::string(name_of(kernels)));
}

TEST_CASE("implementations: the best that fits is taken, and each is told once") {
    const auto told = [](int capability, const KernelChoice& choice, const ConvGeometry& geometry) {
        const OnDevice device(capability);
        const auto backend = make_emulator_backend(emulator::Order::forward, choice);
        for (int again = 0; again < 2; ++again) {
            Run run(*backend);
            const View x = run.random({1, 4, 300}, 1, {geometry.pad_left, geometry.pad_right});
            const View y = run.output({1, 3, geometry.output_length(300)});
            const Slice weight = run.random_flat(4 * 3 * geometry.width, 2);
            (*backend)(Conv{.x = x, .weight = weight, .geometry = geometry, .y = y});
        }
        std::string lines;
        for (const std::string& line : backend->take_choices()) lines += line + ";";
        return lines;
    };
    const ConvGeometry usual{5, 1, 1, 2, 2}, stepped{5, 2, 1, 0, 0};
    CHECK(told(90, kTensorCoreKernels, usual) == "conv: computed by sm90;");
    CHECK(told(80, kTensorCoreKernels, usual) == "conv: computed by sm80;");
    CHECK(told(90, KernelSet{Kernels::sm80}, usual) == "conv: computed by sm80;");
    CHECK(told(90, kTensorCoreKernels, stepped) == "conv: computed by plain;");
    CHECK(told(90, kPlainKernels, usual) == "conv: computed by plain;");
    CHECK(told(90, kAllKernels, usual) == "conv: computed by cudnn;");
    CHECK(told(80, KernelSet{Kernels::sm90}, usual) == "conv: computed by plain;");
}

TEST_CASE("implementations: a description names what is not the usual choice") {
    const auto described = [](const KernelChoice& choice) {
        return std::string(make_emulator_backend(emulator::Order::forward, choice)->description());
    };
    CHECK(described(kPlainKernels) == "emulator f32");
    CHECK(described(kTensorCoreKernels) == "emulator bf16");
    CHECK(described(KernelSet{Kernels::sm80}) == "emulator bf16 by conv=sm80,lstm=plain,tail=sm80");
    CHECK(described(KernelSet{Kernels::cublaslt}) ==
          "emulator stand-in Lt 1.0 bf16 by conv=plain,lstm=plain,tail=cublaslt");
}
