// The CUDA back end's kernels of the tail on tensor cores, under the emulator: what tests of all back ends do
// not reach.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/base/error.hpp"
#include "kernels/cuda/tail/infer.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/fault.hpp"
#include "test/kernels/tail_case.hpp"

using namespace regkit;
using namespace regkit::test;
using emulator::CopyTime;
using emulator::Order;

namespace {

constexpr int kDevices[] = {80, 90};  // each has a kernel of its own
constexpr double kTolerance = 2e-2;

std::vector<float> logits_of(Backend& backend, const TailCase& c) {
    Run run(backend);
    const View h = run.random(c.h(), 1);
    const Tail tail = make_tail(c, run, Weights(c).random());
    std::vector<float> out(static_cast<std::size_t>(c.batch * c.markers() * c.nucleotides()), NAN);
    backend(
        TailInfer{.h = h, .tail = tail, .begin = 0, .end = c.length, .kind = TailOutput::logits, .out = out});
    return out;
}

Values values_of(const std::vector<float>& floats) {
    return Values(floats.begin(), floats.end());
}

}  // namespace

TEST_CASE("tail on tensor cores: many markers at few positions, wide layers, and what is too wide for it") {
    const TailCase cases[] = {{1, 3, 5, 1, 0, {919}, 0, 1},
                              {1, 65, 2, 64, 66, {67, 65}, 0, 1},
                              {2, 2, 3, 128, 2, {70, 3, 4, 2}, 0, 1},
                              {1, 2, 3, 129, 2, {3}, 0, 1},
                              {1, 129, 9, 1, 0, {5}, 0, 1}};
    const auto reference = make_reference_backend();
    for (const TailCase& c : cases) {
        CAPTURE(c.text());
        const std::vector<float> expected = logits_of(*reference, c);
        std::vector<float> got[2];
        for (const int i : {0, 1}) {
            const OnDevice device(kDevices[i]);
            got[i] = logits_of(*make_emulator_backend(Order::shuffled, kTensorCoreKernels), c);
            check_close("logits", values_of(got[i]), values_of(expected), kTolerance);
        }
        CHECK(got[0] == got[1]);  // the same sums in the same order, as the emulator has them
    }
}

namespace {

// Pieces of one and of three tiles, and of whole samples: the same runs, codes and values.
template <typename RunnerOf>
void check_pieces(const RunnerOf& runner_of) {
    const TailCase c{3, 4, 33, 10, 5, {6, 7}, 0, 1};
    const auto backend = make_emulator_backend(Order::forward, kTensorCoreKernels);
    Run run(*backend);
    const View h = run.random(c.h(), 1);
    const Tail tail = make_tail(c, run, Weights(c).random());
    const cuda::TailRange range{cuda::tensor_of(h), 1, 32};
    const auto positions = static_cast<std::size_t>(31 * 10), rows = static_cast<std::size_t>(3 * 7);
    constexpr auto kKind = TailOutput::probabilities;

    std::vector<float> values(rows * positions);
    std::vector<std::uint8_t> codes(rows * positions);
    CalledRuns runs;
    (*backend)(TailInfer{.h = h, .tail = tail, .begin = 1, .end = 32, .kind = kKind, .out = values});
    (*backend)(TailCodes{.h = h, .tail = tail, .begin = 1, .end = 32, .out = codes});
    std::vector<float> cutoffs;  // that differ
    for (std::size_t m = 0; m < 7; ++m) cutoffs.push_back(values[m * positions + positions / 2]);
    (*backend)(TailRuns{
        .h = h, .tail = tail, .begin = 1, .end = 32, .kind = kKind, .cutoffs = cutoffs, .out = &runs});
    CHECK(runs.runs.size() > rows);

    cuda::Stream stream(0);  // what it reads has come: the back end was waited for
    cuda::Scratch scratch(stream);
    const cuda::Stream::Operation operation(stream);
    for (const std::int64_t most : {std::int64_t{1}, std::int64_t{3 * 128 * 7 * 5}}) {
        CAPTURE(most);
        std::vector<float> got_values(values.size(), NAN);
        std::vector<std::uint8_t> got_codes(codes.size(), 7);
        CalledRuns got_runs;
        const auto runner = [&] { return runner_of(tail, range, scratch, most); };
        cuda::hand_out_values(tail, range, kKind, got_values.data(), scratch, runner());
        cuda::hand_out_codes(tail, range, got_codes.data(), scratch, runner());
        cuda::hand_out_runs(tail, range, kKind, cutoffs, got_runs, scratch, runner());
        CHECK(got_values == values);
        CHECK(got_codes == codes);
        CHECK(got_runs.runs == runs.runs);
        CHECK(got_runs.values == runs.values);
    }
}

}  // namespace

TEST_CASE("tail on tensor cores: pieces do not change a bit") {
    {
        const OnDevice device(80);
        check_pieces(cuda::sm80_runner);
    }
    const OnDevice device(90);
    check_pieces(cuda::sm90_runner);
}

namespace {

// What is left out, by number, must be noticed in one order or time at least.
struct LeftOut {
    int capability;
    std::vector<int> barriers, waits;
};

// There is a barrier and a wait before each tile of weights: ten of the up-convolution, one of each layer. On
// compute capability 9.0 a barrier comes before all, another behind the hidden layers, and the last wait is
// for the products.
void check_left_out(const LeftOut& left_out) {
    const TailCase c{1, 4, 12, 10, 5, {6, 7}, 0, 1};
    const OnDevice device(left_out.capability);
    const std::vector<float> right = logits_of(*make_emulator_backend(Order::forward, kTensorCoreKernels), c);
    // Without the n-th barrier or wait (-1: with all). The trial of what 9.0 has, at first use, comes before.
    const auto differs = [&](Order order, CopyTime time, int barrier, int wait) {
        const Fault fault;
        const auto backend = make_emulator_backend(order, kTensorCoreKernels);
        if (logits_of(*backend, c) != right) return true;
        emulator::set_copy_time(time);
        emulator::leave_out_barrier(barrier);
        emulator::leave_out_wait(wait);
        try {
            return logits_of(*backend, c) != right;
        } catch (const Error&) {  // threads that end with copies under way
            emulator::revive_device();
            return true;
        }
    };
    for (const Order order : kOrders)
        for (const CopyTime time : kCopyTimes) CHECK(!differs(order, time, -1, -1));
    for (const int n : left_out.barriers) {
        CAPTURE(n);
        CHECK((differs(Order::forward, CopyTime::at_wait, n, -1) ||
               differs(Order::reverse, CopyTime::at_once, n, -1) ||
               differs(Order::shuffled, CopyTime::by_chance, n, -1)));
    }
    for (const int n : left_out.waits) {
        CAPTURE(n);
        CHECK(differs(Order::forward, CopyTime::at_wait, -1, n));
    }
}

}  // namespace

// Of barriers that of the first tile, for its input, and of the second layer, for all warps' outputs. On 9.0
// these are the second, which is not tried (all wait for the first tile, and meanwhile the input is written),
// and the twelfth; the first of all and the last are noticed, too.
TEST_CASE("tail on tensor cores: a missing barrier or wait is noticed") {
    check_left_out({80, {0, 10}, {0}});
    check_left_out({90, {0, 11, 12}, {0, 10, 11, 12}});
}
