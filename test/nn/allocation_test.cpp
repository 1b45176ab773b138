// Nothing is allocated per step: buffers and scratch memory are those of the first steps.
#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "test/nn/support.hpp"
#include "test/support/allocation_counter.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr int kMarkers = 5;
constexpr int kWarm = 2, kCounted = 3;  // steps 1 and 2; 3 to 5

// Requests during kCounted calls of `step`, after kWarm.
template <typename Step>
std::int64_t allocations_of(const Step& step) {
    for (int i = 0; i < kWarm; ++i) step();
    const std::int64_t before = allocations();
    for (int i = 0; i < kCounted; ++i) step();
    return allocations() - before;
}

// The cutoff is above every probability and then below: how many positions a worker calls is chance, so with
// several of them the second would grow their lists.
void check(const Spec& spec, int workers, Precision precision) {
    const auto backend = make_backend({"cpu", workers, "", precision}).backend;
    Network network(spec, kMarkers, *backend);
    randomise(network, 4);
    const Windows w = windows_of(spec, 2, kMarkers, 9);
    TrainStep how{3, 0, 2, 1};
    AdamStep adam;
    CHECK(allocations_of([&] {
              network.train(w.view(), w.labels(), how, adam);
              ++how.step;
              ++adam.step;
          }) == 0);
    std::vector<float> values(static_cast<std::size_t>(w.batch * kMarkers * w.positions));
    for (const TailOutput kind : {TailOutput::logits, TailOutput::probabilities, TailOutput::rates})
        CHECK(allocations_of([&] { network.infer(w.view(), 0, w.length, kind, values); }) == 0);
    std::vector<std::uint8_t> codes(values.size());
    CHECK(allocations_of([&] { network.infer_codes(w.view(), 0, w.length, codes); }) == 0);
    CalledRuns called;
    for (const float cutoff : {2.0f, -1.0f})
        if (cutoff > 1 || workers == 1)
            CHECK(allocations_of([&] {
                      network.infer_runs(w.view(), 0, w.length, TailOutput::probabilities,
                                         std::array{cutoff, cutoff, cutoff, cutoff, cutoff}, called);
                  }) == 0);
}

}  // namespace

TEST_CASE("the counter counts") {
    // Not seen through: compilers may leave out blocks that nobody uses.
    const auto used = [](void* block) {
        static void* volatile last;
        last = block;
        return static_cast<void*>(last);
    };
    const auto counts = [](const auto& make) {
        const std::int64_t before = allocations();
        make();
        return allocations() - before;
    };
    CHECK(counts([&] { std::free(used(std::malloc(100))); }) == 1);
    CHECK(counts([&] { std::free(used(std::calloc(100, 8))); }) == 1);
    CHECK(counts([&] { std::free(used(std::realloc(used(std::malloc(10)), 10000))); }) == 2);
    CHECK(counts([&] { std::free(used(std::aligned_alloc(64, 128))); }) == 1);
    CHECK(counts([&] { ::operator delete(used(::operator new(100))); }) == 1);
    constexpr std::align_val_t kLine{64};
    CHECK(counts([&] { ::operator delete(used(::operator new(128, kLine)), kLine); }) == 1);
    CHECK(counts([] {}) == 0);
}

TEST_CASE("steps of training and inference allocate nothing once the first are done") {
    for (const Precision precision : {Precision::f32, Precision::bf16})
        for (const int workers : {1, 3})
            for (const Spec& spec : all_specs()) {
                const std::string operands = precision_name(precision);
                CAPTURE(operands);
                CAPTURE(workers);
                CAPTURE(spec.name);
                check(spec, workers, precision);
            }
}
