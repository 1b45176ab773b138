// The trial of compute capability 9.0's instructions: in every order it is right, and whatever the device
// does otherwise shows in it and leaves the work to the other kernels.
#include "kernels/cuda/hopper_trial.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "test/emulator/emulator_backend.hpp"
#include "test/emulator/fault.hpp"
#include "test/emulator/tail_problem.hpp"

using namespace regkit;
using namespace regkit::test;
using emulator::HopperFlaw;

namespace {

struct Asked {
    bool uses;
    std::vector<std::string> notices;
};

Asked ask() {
    cuda::Stream stream(0);
    cuda::Scratch scratch(stream);
    const cuda::Stream::Operation operation(stream);
    const bool uses = cuda::uses_hopper(scratch);
    const emulator::Waits before = emulator::waits();
    CHECK(cuda::uses_hopper(scratch) == uses);  // without another trial
    CHECK(emulator::waits().stream == before.stream);
    return {uses, scratch.notices};
}

// All that a back end makes of a tail on tensor cores: logits, and what a step of training gives.
struct Made {
    std::vector<float> logits;
    Outcome outcome;
    std::vector<std::string> notices;
};

Made make() {
    const TailCase c{1, 4, 12, 10, 5, {6, 7}, 0, 1};
    const auto backend = make_emulator_backend(emulator::Order::forward, kTensorCoreKernels);
    Made made;
    {
        Run run(*backend);
        const View h = run.random(c.h(), 1);
        const Tail tail = make_tail(c, run, Weights(c).random());
        made.logits.resize(static_cast<std::size_t>(c.batch * c.markers() * c.nucleotides()), NAN);
        (*backend)(TailInfer{.h = h,
                             .tail = tail,
                             .begin = 0,
                             .end = c.length,
                             .kind = TailOutput::logits,
                             .out = made.logits});
    }
    made.outcome = TailProblem(c, LossKind::sigmoid_cross_entropy).train(*backend);
    made.notices = backend->take_notices();
    CHECK(backend->take_notices().empty());
    return made;
}

}  // namespace

TEST_CASE("hopper trial: right in every order and at any time, and not tried on other devices") {
    const Fault restored;
    for (const auto order : kOrders)
        for (const auto time : kCopyTimes) {
            emulator::set_order(order);
            emulator::set_copy_time(time);
            const Asked asked = ask();
            CHECK(asked.uses);
            CHECK(asked.notices.empty());
        }
    for (const int capability : {80, 89, 100}) {
        const OnDevice device(capability);
        emulator::inject("kernel", 1, cudaErrorLaunchFailure);  // none is to run
        CHECK(!ask().uses);
        emulator::inject("", 0, cudaSuccess);
    }
}

TEST_CASE(
    "hopper trial: a flaw of any instruction is noticed, told once, and the other kernels do the work") {
    Made right;
    {
        const OnDevice older(80);
        right = make();
    }
    struct Flawed {
        HopperFlaw flaw;
        const char* told;
    };
    for (const Flawed& flawed : {Flawed{HopperFlaw::maps, "refused a matrix"},
                                 {HopperFlaw::tiles, "copies of tiles"},
                                 {HopperFlaw::rows_above, "products by columns"},
                                 {HopperFlaw::bytes, "copies of bytes"},
                                 {HopperFlaw::column_products, "products by columns"},
                                 {HopperFlaw::register_products, "products of registers"},
                                 {HopperFlaw::later_rows, "later rows"},
                                 {HopperFlaw::register_row_products, "registers by rows"},
                                 {HopperFlaw::row_products, "products by rows"},
                                 {HopperFlaw::fence, "what threads have stored"}}) {
        CAPTURE(flawed.told);
        const OnDevice device(90, flawed.flaw);
        const Made made = make();
        CHECK(made.logits == right.logits);
        CHECK(made.outcome == right.outcome);
        REQUIRE(made.notices.size() == 1);
        CHECK(made.notices[0].find("capability 9.0 are not used") != std::string::npos);
        CHECK(made.notices[0].find(flawed.told) != std::string::npos);
    }
    const OnDevice device(90);
    CHECK(make().notices.empty());
}
