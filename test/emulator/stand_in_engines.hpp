// Stands in for cuDNN under the emulator: products on the CPU, from the views' pictures alone, of bf16
// operands with sums in double, rounded to bf16. What plans there are, and how they behave, is the test's to
// say.
#pragma once

#include <string>
#include <vector>

namespace regkit::emulator {

struct StandInPlan {
    enum class Way {
        right,
        wrong,        // one value of the result is another
        silent,       // writes nothing
        fails,        // when it runs
        unsupported,  // cannot be built
    };
    Way way = Way::right;
    float milliseconds = 1;
    std::int64_t workspace = 0;  // bytes, all of which it writes
    int runs = 0;                // so far, timed ones too
};

// The LSTMs of every shape (stand_in_lstm.cpp).
struct StandInLstm {
    using Way = StandInPlan::Way;
    Way forward = Way::right, gradient = Way::right;  // `forward` is unsupported: cannot be built
    int wrong = 0;  // where a wrong gradient is wrong: 0 dx, 1 weight_ih, 2 weight_hh, 3 bias
    int forwards = 0, gradients = 0;  // run so far
};

// The plans of every product, in the order in which they are offered; `device` as Engines::device.
struct StandIn {
    std::vector<StandInPlan> plans = {{}};
    std::string device;
    bool installed = true;
    StandInLstm lstm = {};
};
// Of all back ends that are made from now on.
StandIn& stand_in();

}  // namespace regkit::emulator
