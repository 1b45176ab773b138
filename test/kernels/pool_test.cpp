// Max-pool and concatenation.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "kernels/base/error.hpp"
#include "kernels/reference/reference_backend.hpp"
#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

// ---- max-pool
// ---------------------------------------------------------------------------------------------------
namespace {

struct PoolCase {
    Shape x;
    PoolGeometry geometry;

    Shape y() const { return {x.batch, x.channels, geometry.output_length(x.length)}; }
    // Few different values, so that windows hold ties; some negative, so that a zero from padding would win.
    Values values() const {
        Values values = random_values(x.size(), 1, -6, 2);
        for (double& value : values) value = std::floor(value);
        return values;
    }
};

const std::vector<PoolCase> kPoolCases = {
    {{1, 1, 1}, {1, 1, 1, 0, 0}},
    {{3, 5, 33}, {4, 4, 1, 0, 0}},
    {{2, 17, 129}, {5, 1, 27, 54, 54}},
    {{1, 3, 20}, {5, 1, 81, 162, 162}},
    {{2, 2, 50}, {3, 2, 1, 1, 1}},
    {{1, 4, 47}, {10, 1, 1, 4, 5}},
    {{1, 2, 3}, {2, 1, 8, 4, 4}},  // every window misses the row
    {{1, 2, 30}, {2, 1, 40, 20, 20}},
    // VALID: a remainder of the row that does not fill a window takes part in none.
    {{3, 3, 23}, {4, 4, 1, 0, 0}},
    {{1, 5, 975}, {13, 13, 1, 0, 0}},  // danq's
    {{2, 1, 41}, {4, 2, 1, 0, 0}},     // deep-dilated's: windows overlap
    {{1, 2, 10}, {2, 7, 1, 0, 0}},     // positions between windows too
    {{2, 3, 37}, {3, 1, 5, 0, 0}},
    {{1, 3, 50}, {3, 4, 7, 0, 0}},
    {{2, 2, 31}, {4, 3, 2, 0, 0}},
    {{1, 1, 9}, {9, 5, 1, 0, 0}},  // one window
    {{1, 2, 9}, {3, 4, 4, 0, 0}},  // one window that reaches the last position
    {{2, 3, 29}, {3, 4, 5, 2, 3}},
    {{2, 3, 118}, {13, 9, 1, 6, 6}},  // windows far apart, beyond both ends
    {{1, 2, 20}, {3, 7, 1, 1, 0}},    // beyond one alone
    {{1, 2, 30}, {4, 1, 1, 0, 3}},
    {{2, 2, 31}, {4, 5, 1, 0, 3}},
    {{1, 2, 6}, {2, 3, 9, 5, 5}},  // some windows miss the row
};

}  // namespace

TEST_CASE("pool") {
    for (const PoolCase& c : kPoolCases)
        run_everywhere(
            "pool",
            [&](Run& run) {
                const View x = run.input(c.x, c.values()), y = run.output(c.y());
                run.backend()(Pool{.x = x, .geometry = c.geometry, .y = y});
                run.keep("y", y);
            },
            true);
}

TEST_CASE("pool_grad: the first of equal values takes the gradient") {
    for (const PoolCase& c : kPoolCases)
        for (const bool accumulate : {false, true})
            run_everywhere("pool_grad", [&](Run& run) {
                const View x = run.input(c.x, c.values()), dy = run.random(c.y(), 2);
                const View dx = accumulate ? run.random(c.x, 3, {3, 2}) : run.output(c.x);
                run.backend()(
                    PoolGrad{.x = x, .dy = dy, .geometry = c.geometry, .accumulate = accumulate, .dx = dx});
                run.keep("dx", dx);
            });
}

TEST_CASE("pool: gradients by finite differences") {
    for (const PoolCase& c : kPoolCases) {
        Values distinct;  // a permutation, far apart beside the step of the differences
        for (std::int64_t i = 0; i < c.x.size(); ++i)
            distinct.push_back(0.01 * static_cast<double>(i * 7919 % c.x.size()));
        check_gradient(
            "pool", {distinct},
            [&](Run& run, const std::vector<Values>& in) {
                const View y = run.output(c.y());
                run.backend()(Pool{.x = run.input(c.x, in[0]), .geometry = c.geometry, .y = y});
                return run.read(y);
            },
            [&](Run& run, const std::vector<Values>& in, const Values& d_outputs) {
                const View dx = run.output(c.x);
                run.backend()(PoolGrad{.x = run.input(c.x, in[0]),
                                       .dy = run.input(c.y(), d_outputs),
                                       .geometry = c.geometry,
                                       .dx = dx});
                return std::vector<Values>{run.read(dx)};
            });
    }
}

TEST_CASE("pool: VALID windows by hand") {
    run_everywhere(
        "pool",
        [](Run& run) {
            const View x = run.input({1, 1, 11}, {5, 1, 4, 3, 9, 2, 7, 8, 6, 0, 99});
            const View y = run.output({1, 1, 3}), dilated = run.output({1, 1, 2}),
                       dx = run.output({1, 1, 11});
            run.backend()(Pool{.x = x, .geometry = {3, 3, 1, 0, 0}, .y = y});
            CHECK(run.read(y) == Values{5, 9, 8});  // 0 and 99 are in no window
            run.backend()(Pool{.x = x, .geometry = {3, 4, 2, 0, 0}, .y = dilated});
            CHECK(run.read(dilated) == Values{9, 9});  // positions 0 2 4, 4 6 8
            const View dy = run.input({1, 1, 2}, {10, 1});
            run.backend()(PoolGrad{.x = x, .dy = dy, .geometry = {3, 4, 2, 0, 0}, .dx = dx});
            CHECK(run.read(dx) == Values{0, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0});
            run.keep("dx", dx);
        },
        true);
}

// As a ReLU: a maximum that stepped over NaN would hide it from the loss.
TEST_CASE("NaN passes through every pool, wherever in a window it lies") {
    const auto check = [](Backend& backend) {
        CAPTURE(backend.description());
        Run run(backend);
        Values values(2 * 40, 1.0);
        values[45] = std::numeric_limits<double>::quiet_NaN();
        const View x = run.input({1, 2, 40}, values), y = run.output({1, 2, 38}), dx = run.output({1, 2, 40});
        run.backend()(Pool{.x = x, .geometry = {3, 1, 1, 0, 0}, .y = y});
        const Values got = run.read(y);
        for (std::size_t i = 0; i < got.size(); ++i) {
            CAPTURE(i);
            CHECK(std::isnan(got[i]) == (i >= 38 + 3 && i <= 38 + 5));
        }
        // And takes the gradient of all three windows, as the maximum does.
        run.backend()(PoolGrad{
            .x = x, .dy = run.input({1, 2, 38}, Values(2 * 38, 1.0)), .geometry = {3, 1, 1, 0, 0}, .dx = dx});
        CHECK(run.read(dx)[45] == 3);
        // Windows apart: positions 5, ..., 10 of the second channel are its second window.
        const View far = run.output({1, 2, 7});
        run.backend()(Pool{.x = x, .geometry = {6, 5, 1, 0, 0}, .y = far});
        const Values maxima = run.read(far);
        for (std::size_t i = 0; i < maxima.size(); ++i) {
            CAPTURE(i);
            CHECK(std::isnan(maxima[i]) == (i == 7 || i == 8));
        }
    };
    check(*make_reference_backend());
    for_each_backend([&](Backend& backend, double) { check(backend); });
}

// Padding counts as minus infinity, and is no position that could take the gradient.
TEST_CASE("pool_grad: minus infinity is a value like others") {
    const auto check = [](Backend& backend) {
        CAPTURE(backend.description());
        Run run(backend);
        const View x = run.input({1, 1, 4}, Values(4, -std::numeric_limits<double>::infinity()));
        const View dx = run.output({1, 1, 4});
        run.backend()(PoolGrad{
            .x = x, .dy = run.input({1, 1, 4}, {1, 10, 100, 1000}), .geometry = {3, 1, 1, 1, 1}, .dx = dx});
        CHECK(run.read(dx) == Values{11, 100, 1000, 0});
    };
    check(*make_reference_backend());
    for_each_backend([&](Backend& backend, double) { check(backend); });
}

// ---- concatenation
// ----------------------------------------------------------------------------------------------
namespace {

struct CopyCase {
    Shape x;
    int x_begin;
    std::int64_t y_channels;
    int y_begin, count;

    Shape y() const { return {x.batch, y_channels, x.length}; }
};

const std::vector<CopyCase> kCopyCases = {
    {{1, 1, 1}, 0, 1, 0, 1},   {{3, 1, 33}, 0, 2, 1, 1},  {{2, 7, 129}, 0, 11, 4, 7},
    {{1, 11, 17}, 3, 5, 0, 5}, {{3, 6, 250}, 5, 6, 0, 1}, {{1, 4, 16}, 1, 9, 6, 2},
};

}  // namespace

TEST_CASE("copy_channels") {
    for (const CopyCase& c : kCopyCases)
        for (const bool accumulate : {false, true})
            run_everywhere("copy_channels", [&](Run& run) {
                const Values x = random_values(c.x.size(), 1), held = random_values(c.y().size(), 2);
                const View y = run.input(c.y(), held, {4, 1});
                run.backend()(CopyChannels{.x = run.input(c.x, x, {1, 2}),
                                           .x_begin = c.x_begin,
                                           .y = y,
                                           .y_begin = c.y_begin,
                                           .count = c.count,
                                           .accumulate = accumulate});
                run.keep("y", y);
                Values expected = held;
                for (std::int64_t s = 0; s < c.x.batch; ++s)
                    for (std::int64_t k = 0; k < c.count * c.x.length; ++k) {
                        const auto to =
                            static_cast<std::size_t>((s * c.y_channels + c.y_begin) * c.x.length + k);
                        const auto from =
                            static_cast<std::size_t>((s * c.x.channels + c.x_begin) * c.x.length + k);
                        expected[to] = x[from] + (accumulate ? expected[to] : 0);
                    }
                check_close("its place", run.read(y), expected, accumulate ? 1e-7 : 0);
            });
}

// All channels written, halo and all, where the buffer held something else before.
TEST_CASE("copy_channels: a concatenation writes its output's halo") {
    run_everywhere(
        "copy_channels",
        [](Run& run) {
            const View a = run.random({2, 3, 21}, 1), b = run.random({2, 2, 21}, 2),
                       y = run.output({2, 5, 21});
            run.backend()(CopyChannels{.x = a, .y = y, .count = 3});
            run.backend()(CopyChannels{.x = b, .y = y, .y_begin = 3, .count = 2});
            run.keep("y", y);
        },
        true);
}

TEST_CASE("copy_channels: channels that are not there are refused") {
    for_each_backend([](Backend& backend, double) {
        Run run(backend);
        const View x = run.random({2, 3, 5}, 1), y = run.random({2, 4, 5}, 2),
                   longer = run.random({2, 4, 6}, 3);
        const auto refused = [&](int x_begin, const View& to, int y_begin, int count) {
            try {
                backend(
                    CopyChannels{.x = x, .x_begin = x_begin, .y = to, .y_begin = y_begin, .count = count});
            } catch (const Error& error) {
                return error.kind() == ErrorKind::usage;
            }
            return false;
        };
        CHECK(refused(0, y, 0, 0));
        CHECK(refused(-1, y, 0, 1));
        CHECK(refused(0, y, -1, 1));
        CHECK(refused(1, y, 0, 3));
        CHECK(refused(0, y, 2, 3));
        CHECK(refused(0, y, 2147483647, 2));
        CHECK(refused(0, longer, 0, 1));
        CHECK_FALSE(refused(0, y, 1, 3));
    });
}
