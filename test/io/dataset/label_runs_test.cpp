#include "io/dataset/label_runs.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "io/dataset/dataset.hpp"

using regkit::for_label_runs;
using regkit::LabelLayout;

namespace {

struct Interval {
    std::int64_t begin, end;
};
using Runs = std::vector<std::pair<std::int64_t, std::int64_t>>;

Runs runs_of(const std::vector<Interval>& intervals, std::int64_t bin, std::int64_t needed) {
    Runs runs;
    for_label_runs(intervals.begin(), intervals.end(), bin, needed,
                   [&](std::int64_t first, std::int64_t last) { runs.emplace_back(first, last); });
    return runs;
}

}  // namespace

TEST_CASE("runs of bins are those of counting base by base") {
    std::mt19937 random(11);
    std::int64_t positives = 0;
    for (int round = 0; round < 3000; ++round) {
        const auto pick = [&](std::int64_t most) {
            return std::uniform_int_distribution<std::int64_t>(1, most)(random);
        };
        const std::int64_t bin = pick(20), bins = pick(40), needed = pick(bin);
        std::vector<Interval> intervals;
        std::vector<std::int64_t> covered(static_cast<std::size_t>(bins));
        for (std::int64_t at = pick(12) - 1; at < bin * bins;) {
            const std::int64_t end = std::min(bin * bins, at + pick(pick(8) == 1 ? 120 : 15));
            intervals.push_back({at, end});
            for (; at < end; ++at) ++covered[static_cast<std::size_t>(at / bin)];
            at += pick(20) - 1;  // they may touch
        }
        Runs expected;
        for (std::int64_t i = 0; i < bins; ++i) {
            if (covered[static_cast<std::size_t>(i)] < needed) continue;
            if (!expected.empty() && expected.back().second == i)
                ++expected.back().second;
            else
                expected.emplace_back(i, i + 1);
        }
        positives += static_cast<std::int64_t>(expected.size());
        CHECK(runs_of(intervals, bin, needed) == expected);
    }
    CHECK(positives > 3000);
    CHECK(runs_of({}, 5, 1).empty());
}

TEST_CASE("a bin needs strictly more than the fraction") {
    const auto needed = [](std::int64_t bin, double fraction) {
        return LabelLayout{.task = "bin", .bin = bin, .min_overlap = fraction}.needed();
    };
    CHECK(needed(200, 0.5) == 101);
    CHECK(needed(200, 0) == 1);
    CHECK(needed(1, 0) == 1);
    CHECK(needed(1, 0.9) == 1);
    CHECK(needed(3, 0.5) == 2);
    CHECK(needed(100, 0.29) == 30);  // 0.29 * 100 is 28.999999999999996
    CHECK(needed(10, 0.7) == 8);
    CHECK(needed(200, 0.995) == 200);
    CHECK(needed(200, 0.9999999999999999) == 200);
}
