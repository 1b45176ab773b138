// The CUDA back end's fast kernels of the tail at training, under the emulator: what tests of all back ends
// do not reach.
#include <doctest/doctest.h>

#include <cmath>

#include "base/error.hpp"
#include "kernels/cuda/fast/tail_train.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/fault.hpp"
#include "test/kernels/tail_case.hpp"

using namespace regkit;
using namespace regkit::test;
using emulator::CopyTime;
using emulator::Order;

namespace {

constexpr double kTolerance = 2e-2;

// Loss, gradient of h, gradients of the parameters.
using Outcome = std::vector<Values>;

std::unique_ptr<Backend> fast_backend(Order order = Order::forward) {
    return make_emulator_backend(order, KernelChoice::fast);
}

// Every unit is active, so that gradients are close one by one; positions of dropout begin at 37 where they
// may.
struct Problem {
    TailCase c;
    OwnedLabels labels;
    TailLoss how;

    Problem(const TailCase& tail_case, LossKind kind) : c(tail_case), labels(c), how(test::loss_of(c)) {
        how.kind = kind;
        for (std::size_t i = 0; i < labels.runs.size(); ++i)
            labels.runs[i].value = 0.25f * static_cast<float>(i % 9);
    }
    View h(Run& run) const { return run.input(c.h(), random_values(c.h().size(), 1, 0.5, 1)); }
    Tail tail(Run& run) const {
        std::vector<Values> weights;
        for (const std::int64_t count : Weights(c).counts)
            weights.push_back(
                random_values(count, 10 + static_cast<std::uint32_t>(weights.size()), 0.005, 0.03));
        Tail tail = make_tail(c, run, weights);
        for (int i = 0; i < tail.depth && c.stride == 1; ++i) tail.dense[i].dropout.first = 37;
        return tail;
    }
    Outcome outcome(Run& run, const Slice& loss, const View& dh, const std::vector<Slice>& gradient) const {
        Outcome all = {run.read(loss), run.read(dh)};
        for (const Slice& slice : gradient) all.push_back(run.read(slice));
        return all;
    }
    Outcome train(Backend& backend) const {
        Run run(backend);
        const View h_view = h(run), dh = run.output(c.h());
        const Slice loss = run.zeros(1);
        const std::vector<Slice> gradient = Weights(c).zeros(run);
        backend.tail_train(h_view, tail(run), labels.labels(), how, loss, make_gradient(c, gradient), false,
                           dh);
        return outcome(run, loss, dh, gradient);
    }
    // In pieces of at most `most` bytes.
    Outcome train_in_pieces(std::int64_t most) const {
        const auto backend = fast_backend();
        Run run(*backend);
        const View h_view = h(run), dh = run.output(c.h());
        const Slice loss = run.zeros(1);
        const std::vector<Slice> gradient = Weights(c).zeros(run);
        const Tail own_tail = tail(run);
        const Labels own_labels = labels.labels();
        const TailGradient to = make_gradient(c, gradient);
        run.read(loss);  // all that was queued before has run
        cuda::Stream stream(0);
        cuda::Scratch scratch(stream);
        const cuda::Stream::Operation operation(stream);
        cuda::fast_tail_train({own_tail, cuda::tensor_of(h_view), own_labels, how, cuda::pointer_to(loss), to,
                               false, cuda::tensor_of(dh)},
                              scratch, most);
        stream.wait();
        return outcome(run, loss, dh, gradient);
    }
};

void check_outcome(const Outcome& got, const Outcome& expected, double tolerance) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i)
        check_close("result " + std::to_string(i), got[i], expected[i], tolerance);
}

constexpr LossKind kLosses[] = {LossKind::sigmoid_cross_entropy, LossKind::poisson};

}  // namespace

TEST_CASE("fast tail in training: many markers, wide layers, every stride, both losses") {
    const TailCase cases[] = {{1, 3, 5, 1, 0, {919}, 0, 2},
                              {1, 65, 2, 64, 66, {67, 65}, 0.25f, 1},
                              {2, 2, 3, 128, 2, {7, 3, 4, 2}, 0.5f, 1},
                              {2, 128, 131, 1, 0, {128, 130}, 0.5f, 3},
                              {3, 6, 15, 10, 5, {9, 70}, 0.25f, 1}};
    const auto reference = make_reference_backend();
    for (const TailCase& c : cases)
        for (const LossKind kind : kLosses) {
            CAPTURE(c.text());
            CAPTURE(kind == LossKind::poisson);
            const Problem problem(c, kind);
            check_outcome(problem.train(*fast_backend(Order::shuffled)), problem.train(*reference),
                          kTolerance);
        }
}

// Layers wider than the tiles: the plain kernels, to the bit.
TEST_CASE("fast tail in training: what is too wide for it") {
    for (const TailCase& c :
         {TailCase{1, 129, 9, 1, 0, {5}, 0, 1}, TailCase{1, 4, 9, 1, 0, {129, 5}, 0.25f, 1},
          TailCase{1, 4, 9, 2, 129, {5}, 0.25f, 1}, TailCase{1, 4, 2, 129, 3, {5}, 0, 1}}) {
        CAPTURE(c.text());
        const Problem problem(c, LossKind::sigmoid_cross_entropy);
        CHECK(problem.train(*fast_backend()) ==
              problem.train(*make_emulator_backend(Order::forward, KernelChoice::naive)));
    }
}

// Of a position's own only the pieces' sums are another: parts of rows of one and of two tiles, one sample
// and two together.
TEST_CASE("fast tail in training: pieces change the order of sums alone") {
    const Problem problem({3, 4, 33, 10, 5, {6, 7}, 0.25f, 2}, LossKind::sigmoid_cross_entropy);
    const std::int64_t tile_bytes = 2 * (64 + 64) * 128 * 2 + 128 * 16;
    const auto whole = problem.train_in_pieces(cuda::kTrainBytes);
    CHECK(problem.train_in_pieces(cuda::kTrainBytes) == whole);
    for (const std::int64_t tiles : {1, 2, 3, 6}) {
        CAPTURE(tiles);
        const auto got = problem.train_in_pieces(tiles * tile_bytes);
        CHECK(got[1] == whole[1]);
        check_outcome(got, whole, 1e-5);
    }
}

// A kernel has a barrier and a wait before each tile that it reads: ten of the up-convolution's weights and
// one of the hidden layer's going forward; the first of the others brings what a block keeps, too.
TEST_CASE("fast tail in training: a missing barrier or wait is noticed") {
    const Problem problem({1, 4, 20, 10, 5, {6, 7}, 0.25f, 1}, LossKind::sigmoid_cross_entropy);
    const Outcome right = problem.train(*fast_backend());
    const auto differs = [&](Order order, CopyTime time) {
        emulator::set_copy_time(time);
        try {
            return problem.train(*fast_backend(order)) != right;
        } catch (const Error&) {  // threads that end with copies under way
            emulator::revive_device();
            return true;
        }
    };
    for (const Order order : kOrders)
        for (const CopyTime time : kCopyTimes) {
            const Fault fault;
            CHECK(!differs(order, time));
        }
    for (const int n : {0, 10}) {
        CAPTURE(n);
        const Fault fault;
        emulator::leave_out_barrier(n);
        CHECK((differs(Order::forward, CopyTime::at_wait) || differs(Order::forward, CopyTime::at_once) ||
               differs(Order::reverse, CopyTime::at_wait) || differs(Order::reverse, CopyTime::at_once)));
    }
    for (const int n : {0, 10}) {
        CAPTURE(n);
        const Fault fault;
        emulator::leave_out_wait(n);
        CHECK(differs(Order::forward, CopyTime::at_wait));
    }
}
