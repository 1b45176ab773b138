// The copy between windows of positions and one row over the windows, both ways.
#include <doctest/doctest.h>

#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

const std::vector<Shape> kShapes = {{1, 1, 1}, {3, 1, 7}, {1, 5, 4}, {33, 3, 19}};

Shape flat(const Shape& s) {
    return {1, s.channels * s.length, s.batch};
}

// [sample][channel][position] -> [channel][position][sample]
Values turned(const Shape& s, const Values& x) {
    Values y;
    for (std::int64_t row = 0; row < s.channels * s.length; ++row)
        for (std::int64_t sample = 0; sample < s.batch; ++sample)
            y.push_back(x[static_cast<std::size_t>(sample * s.channels * s.length + row)]);
    return y;
}

}  // namespace

TEST_CASE("flatten") {
    for (const Shape& s : kShapes) {
        const Values x = random_values(s.size(), 1);
        run_everywhere(
            "flatten",
            [&](Run& run) {
                const View y = run.output(flat(s));
                run.backend()(Flatten{.x = run.input(s, x, {2, 1}), .y = y});
                run.keep("y", y);
                check_close("its order", run.read(y), turned(s, x), 0);
            },
            true);
    }
}

TEST_CASE("flatten_grad") {
    for (const Shape& s : kShapes)
        for (const bool accumulate : {false, true}) {
            const Values dx = random_values(s.size(), 2), held = random_values(s.size(), 3);
            run_everywhere("flatten_grad", [&](Run& run) {
                const View to = accumulate ? run.input(s, held, {3, 5}) : run.output(s);
                run.backend()(
                    FlattenGrad{.dy = run.input(flat(s), turned(s, dx)), .accumulate = accumulate, .dx = to});
                run.keep("dx", to);
                Values expected = dx;
                if (accumulate)
                    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += held[i];
                check_close("its order", run.read(to), expected, 1e-7);
            });
        }
}
