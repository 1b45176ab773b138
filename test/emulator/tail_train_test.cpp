// The CUDA back end's kernels of the tail at training on tensor cores, under the emulator: what tests of all
// back ends do not reach.
#include <doctest/doctest.h>

#include <cmath>
#include <iterator>

#include "kernels/base/error.hpp"
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

std::unique_ptr<Backend> tensor_core_backend(Order order = Order::forward) {
    return make_emulator_backend(order, kTensorCoreKernels);
}

Outcome train_in_pieces(const TailProblem& problem, std::int64_t most_bytes) {
    return problem.train_by(*tensor_core_backend(),
                            [&](const cuda::TailTraining& training, cuda::Scratch& scratch) {
                                cuda::sm90_tail_train(training, scratch, most_bytes);
                            });
}

Outcome train_on(int capability, const TailProblem& problem) {
    const OnDevice device(capability);
    const auto backend = tensor_core_backend(Order::shuffled);
    const Outcome outcome = problem.train(*backend);
    CHECK(backend->take_notices().empty());  // by its own kernels
    return outcome;
}

constexpr std::size_t kInputGradient = 1;  // of an Outcome
constexpr LossKind kLosses[] = {LossKind::sigmoid_cross_entropy, LossKind::poisson};

}  // namespace

TEST_CASE("tail in training on tensor cores: many markers, wide layers, every stride, both losses") {
    const TailCase cases[] = {{1, 3, 5, 1, 0, {919}, 0, 2},
                              {2, 128, 131, 1, 0, {128, 130}, 0.5f, 3},
                              {3, 6, 15, 10, 5, {9, 70}, 0.25f, 1},
                              {1, 65, 2, 64, 66, {67, 65}, 0.25f, 1},
                              {2, 2, 3, 128, 2, {7, 3, 4, 2}, 0.5f, 1}};
    constexpr std::size_t kOnBoth =
        3;  // the others differ in hidden layers alone, whose kernels are the same
    const auto reference = make_reference_backend();
    for (std::size_t i = 0; i < std::size(cases); ++i)
        for (const LossKind kind : kLosses) {
            CAPTURE(cases[i].text());
            CAPTURE(kind == LossKind::poisson);
            const TailProblem problem(cases[i], kind);
            const Outcome expected = problem.train(*reference);
            const Outcome got = train_on(80, problem);
            check_outcome(got, expected, kTolerance);
            if (i >= kOnBoth) continue;
            const Outcome on_hopper = train_on(90, problem);
            check_outcome(on_hopper, expected, kTolerance);
            // The same products in the same order, as the emulator has them; not so loss and bias.
            CHECK(on_hopper[kInputGradient] == got[kInputGradient]);
            check_outcome(on_hopper, got, 1e-5);
        }
}

// Layers wider than the tiles: the plain kernels, to the bit.
TEST_CASE("tail in training on tensor cores: what is too wide for it") {
    for (const TailCase& c :
         {TailCase{1, 129, 9, 1, 0, {5}, 0, 1}, TailCase{1, 4, 9, 1, 0, {129, 5}, 0.25f, 1},
          TailCase{1, 4, 9, 2, 129, {5}, 0.25f, 1}, TailCase{1, 4, 2, 129, 3, {5}, 0, 1}}) {
        CAPTURE(c.text());
        const TailProblem problem(c, LossKind::sigmoid_cross_entropy);
        CHECK(problem.train(*tensor_core_backend()) ==
              problem.train(*make_emulator_backend(Order::forward, kPlainKernels)));
    }
}

namespace {

// Of a position's own only the pieces' sums are another: parts of rows of one and of two tiles, one sample
// and two together.
void check_pieces(std::initializer_list<std::int64_t> tiles_together) {
    const TailProblem problem({3, 4, 33, 10, 5, {6, 7}, 0.25f, 2}, LossKind::sigmoid_cross_entropy);
    const std::int64_t tile_bytes = 2 * (64 + 64) * 128 * 2 + 128 * 16;
    const auto whole = train_in_pieces(problem, cuda::kTrainBytes);
    CHECK(train_in_pieces(problem, cuda::kTrainBytes) == whole);
    for (const std::int64_t tiles : tiles_together) {
        CAPTURE(tiles);
        const auto got = train_in_pieces(problem, tiles * tile_bytes);
        CHECK(got[kInputGradient] == whole[kInputGradient]);
        check_outcome(got, whole, 1e-5);
    }
}

// Whether a step of training, without the n-th barrier or wait (-1: with all), ends with an error or gives
// something else. The trial of what 9.0 has, at first use, comes before.
bool differs(const TailProblem& problem, const Outcome& right, Order order, CopyTime time, int barrier,
             int wait) {
    const Fault fault;
    const auto backend = tensor_core_backend(order);
    if (problem.train(*backend) != right) return true;
    emulator::set_copy_time(time);
    emulator::leave_out_barrier(barrier);
    emulator::leave_out_wait(wait);
    try {
        return problem.train(*backend) != right;
    } catch (const Error&) {  // threads that end with copies under way
        emulator::revive_device();
        return true;
    }
}

}  // namespace

TEST_CASE("tail in training on tensor cores: pieces change the order of sums alone") {
    {
        const OnDevice device(80);
        check_pieces({1, 2, 3, 6});
    }
    const OnDevice device(90);
    check_pieces({1, 6});
}

// A kernel has a barrier and a wait before each tile that it reads: ten of the up-convolution's weights and
// one of the hidden layer's going forward; the first of the others brings what a block keeps, too.
TEST_CASE("tail in training on tensor cores: a missing barrier or wait is noticed") {
    const TailProblem problem({1, 4, 20, 10, 5, {6, 7}, 0.25f, 1}, LossKind::sigmoid_cross_entropy);
    const OnDevice device(80);
    const Outcome right = problem.train(*tensor_core_backend());
    for (const Order order : kOrders)
        for (const CopyTime time : kCopyTimes) CHECK(!differs(problem, right, order, time, -1, -1));
    for (const int n : {0, 10}) {
        CAPTURE(n);
        bool noticed = false;
        for (const Order order : {Order::forward, Order::reverse})
            for (const CopyTime time : {CopyTime::at_wait, CopyTime::at_once})
                noticed = noticed || differs(problem, right, order, time, n, -1);
        CHECK(noticed);
        CHECK(differs(problem, right, Order::forward, CopyTime::at_wait, -1, n));
    }
}

// Without hidden layers only the two kernels of the last layer wait: for own rows, for the first tile and its
// products, and twice a tile from then on. There are five tiles, more than places, of markers for the one, of
// positions for the other, and of either a block whose second group has nothing to do.
TEST_CASE("tail in training on tensor cores: on 9.0, the same in any order, and a missing wait is noticed") {
    const TailProblem problem({1, 3, 310, 1, 0, {310}, 0, 2}, LossKind::sigmoid_cross_entropy);
    const OnDevice device(90);
    const Outcome right = problem.train(*tensor_core_backend());
    for (const Order order : kOrders) CHECK(!differs(problem, right, order, CopyTime::by_chance, -1, -1));
    CHECK(!differs(problem, right, Order::forward, CopyTime::at_once, -1, -1));
    for (int n = 0; n < 12; ++n) {
        CAPTURE(n);
        CHECK(differs(problem, right, Order::forward, CopyTime::at_wait, -1, n));
    }
}
