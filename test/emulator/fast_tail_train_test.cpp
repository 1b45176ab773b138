// The CUDA back end's fast kernels of the tail at training, under the emulator: what tests of all back ends
// do not reach.
#include <doctest/doctest.h>

#include <cmath>

#include "base/error.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/fault.hpp"
#include "test/emulator/tail_problem.hpp"

using namespace regkit;
using namespace regkit::test;
using emulator::CopyTime;
using emulator::Order;

namespace {

constexpr double kTolerance = 2e-2;

std::unique_ptr<Backend> fast_backend(Order order = Order::forward) {
    return make_emulator_backend(order, KernelChoice::fast);
}

Outcome train_in_pieces(const TailProblem& problem, std::int64_t most_bytes) {
    return problem.train_by(*fast_backend(), [&](const cuda::TailTraining& training, cuda::Scratch& scratch) {
        cuda::fast_tail_train(training, scratch, most_bytes);
    });
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
            const TailProblem problem(c, kind);
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
        const TailProblem problem(c, LossKind::sigmoid_cross_entropy);
        CHECK(problem.train(*fast_backend()) ==
              problem.train(*make_emulator_backend(Order::forward, KernelChoice::naive)));
    }
}

// Of a position's own only the pieces' sums are another: parts of rows of one and of two tiles, one sample
// and two together.
TEST_CASE("fast tail in training: pieces change the order of sums alone") {
    const TailProblem problem({3, 4, 33, 10, 5, {6, 7}, 0.25f, 2}, LossKind::sigmoid_cross_entropy);
    const std::int64_t tile_bytes = 2 * (64 + 64) * 128 * 2 + 128 * 16;
    const auto whole = train_in_pieces(problem, cuda::kTrainBytes);
    CHECK(train_in_pieces(problem, cuda::kTrainBytes) == whole);
    for (const std::int64_t tiles : {1, 2, 3, 6}) {
        CAPTURE(tiles);
        const auto got = train_in_pieces(problem, tiles * tile_bytes);
        CHECK(got[1] == whole[1]);
        check_outcome(got, whole, 1e-5);
    }
}

// A kernel has a barrier and a wait before each tile that it reads: ten of the up-convolution's weights and
// one of the hidden layer's going forward; the first of the others brings what a block keeps, too.
TEST_CASE("fast tail in training: a missing barrier or wait is noticed") {
    const TailProblem problem({1, 4, 20, 10, 5, {6, 7}, 0.25f, 1}, LossKind::sigmoid_cross_entropy);
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
