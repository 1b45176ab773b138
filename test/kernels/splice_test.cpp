// Rows put together of others.
#include <doctest/doctest.h>

#include <cstdint>

#include "kernels/base/error.hpp"
#include "test/kernels/harness.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

struct SpliceCase {
    std::int64_t left, right, changed;  // lengths; changed 0: none
    std::int64_t step, changed_step;
    std::int64_t y;
    std::vector<SplicePiece> pieces;
};

const std::vector<SpliceCase> kSpliceCases = {
    {40, 40, 4, 1, 1, 20, {{0, 0, 5, 100, 0, 10}, {1, 2, -3, 8, 0, 6}}},
    // Every third, changed ones at every place, every second of them, and at none.
    {90, 70, 5, 3, 3, 21, {{1, 0, 2, 1000, 0, 20}, {2, 2, 0, 31, 6, 30}, {0, 1, 7, -5, -2, 11}}},
    {90, 70, 5, 3, 6, 21, {{1, 0, 2, 1000, 0, 20}, {2, 2, 0, 31, 6, 30}, {0, 1, 7, -5, -2, 11}}},
    // Beyond both ends of every row; changed values before, behind and around what is asked for.
    {20, 30, 3, 1, 1, 60, {{0, 1, -12, 9, -3, -13}, {1, 1, -12, 9, 4, 46}}},
    {20, 30, 9, 1, 1, 5, {{0, 1, 4, 9, -3, 2}, {0, 1, 4, 9, -3, -50}}},
    {20, 30, 0, 2, 2, 17, {{2, 1, -3, 10, 1, 0}}},
    // No border at all.
    {20, 30, 3, 3, 3, 9, {{2, 1, -5, INT64_MAX, 0, 4}, {0, 0, 1, INT64_MAX, 0, 1}}},
};

}  // namespace

TEST_CASE("splice: left rows, right rows and changed values") {
    constexpr std::int64_t kSamples = 3, kChannels = 5;
    for (const SpliceCase& c : kSpliceCases)
        run_everywhere("splice", [&](Run& run) {
            const auto batch = static_cast<std::int64_t>(c.pieces.size());
            const Shape left{kSamples, kChannels, c.left}, right{kSamples, kChannels, c.right},
                changed{batch, kChannels, c.changed}, y{batch, kChannels, c.y};
            const Values a = random_values(left.size(), 1), b = random_values(right.size(), 2),
                         x = random_values(changed.size(), 3);
            const View to = run.output(y);
            run.backend()(Splice{.left = run.input(left, a, {3, 1}),
                                 .right = run.input(right, b, {0, 2}),
                                 .changed = c.changed > 0 ? run.input(changed, x) : View{},
                                 .step = c.step,
                                 .changed_step = c.changed_step,
                                 .pieces = c.pieces,
                                 .y = to});
            run.keep("y", to);
            const auto value = [&](const Values& row, std::int64_t sample, std::int64_t channel,
                                   std::int64_t length, std::int64_t p) {
                return p < 0 || p >= length
                           ? 0.0
                           : row[static_cast<std::size_t>((sample * kChannels + channel) * length + p)];
            };
            Values expected;
            for (std::int64_t s = 0; s < batch; ++s)
                for (std::int64_t k = 0; k < kChannels; ++k) {
                    const SplicePiece& piece = c.pieces[static_cast<std::size_t>(s)];
                    Values row;
                    for (std::int64_t j = 0; j < c.y; ++j) {
                        const std::int64_t p = piece.first + j * c.step;
                        row.push_back(p < piece.border ? value(a, piece.left, k, c.left, p)
                                                       : value(b, piece.right, k, c.right, p - piece.shift));
                    }
                    for (std::int64_t i = 0; i < c.changed; ++i) {
                        const std::int64_t p = piece.changed + i * c.changed_step - piece.first;
                        if (p % c.step == 0 && p >= 0 && p / c.step < c.y)
                            row[static_cast<std::size_t>(p / c.step)] = value(x, s, k, c.changed, i);
                    }
                    expected.insert(expected.end(), row.begin(), row.end());
                }
            check_close("its place", run.read(to), expected, 0);
        });
}

TEST_CASE("splice: what does not fit is refused") {
    for_each_backend([](Backend& backend, double) {
        Run run(backend);
        const View x = run.random({2, 3, 9}, 1), y = run.output({1, 3, 4}), other = run.output({1, 2, 4});
        const auto refused = [&](SplicePiece piece, std::int64_t step, std::int64_t changed_step,
                                 const View& to) {
            try {
                backend(Splice{.left = x,
                               .right = x,
                               .step = step,
                               .changed_step = changed_step,
                               .pieces = {&piece, 1},
                               .y = to});
            } catch (const Error& error) {
                return error.kind() == ErrorKind::usage;
            }
            return false;
        };
        CHECK_FALSE(refused({}, 1, 1, y));
        CHECK(refused({.left = 2}, 1, 1, y));
        CHECK(refused({.right = -1}, 1, 1, y));
        CHECK(refused({}, 2, 3, y));
        CHECK(refused({}, 0, 1, y));
        CHECK(refused({}, 1, 1, other));
        CHECK(refused({}, 1, 1, run.output({2, 3, 4})));
    });
}
