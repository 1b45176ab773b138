#include "app/interval_caller.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

using namespace regkit;

namespace {

bool before(const CalledInterval& a, const CalledInterval& b) {
    return std::tie(a.begin, a.end, a.marker) < std::tie(b.begin, b.end, b.marker);
}

}  // namespace

TEST_CASE("a sorter that spools gives the same order as one that does not") {
    std::mt19937 random(1);
    std::vector<CalledInterval> all, out;
    IntervalSorter sorter(100);
    // Ends ascend, begins do not; from time to time what began before a bound is taken out, bound by bound.
    std::int64_t bound = 0;
    for (int i = 0; i < 20000; ++i) {
        CalledInterval called;
        called.begin = bound + random() % 5000;
        called.end = called.begin + 1 + random() % 50;
        called.marker = static_cast<std::int32_t>(random() % 7);
        all.push_back(called);
        sorter.push(called);
        if (i % 3000 == 2999) {
            bound += 2500;
            sorter.release(bound, [&](const CalledInterval& c) { out.push_back(c); });
            CHECK(std::all_of(out.begin(), out.end(), [&](const CalledInterval& c) { return c.begin < bound; }));
        }
    }
    sorter.release(INT64_MAX, [&](const CalledInterval& c) { out.push_back(c); });
    REQUIRE(out.size() == all.size());
    std::sort(all.begin(), all.end(), before);
    for (std::size_t i = 0; i < all.size(); ++i) {
        REQUIRE(!before(all[i], out[i]));
        REQUIRE(!before(out[i], all[i]));
    }
}

TEST_CASE("cells of several bases: intervals end with the last cell, the summit is the middle of the best one") {
    ThreadPool pool(2);
    const std::vector<float> values{0.1f, 0.6f, 0.9f, 0.9f, 0.2f, 0.7f, 0.1f, 0.8f};  // cells 10..30..., the last cut at 85
    const auto called = [&](const CallRules& rules, const std::vector<std::size_t>& cuts) {
        IntervalCaller caller(1, rules);
        std::vector<CalledInterval> out;
        std::size_t from = 0;
        std::vector<std::size_t> all = cuts;
        all.push_back(values.size());
        for (const std::size_t to : all) {
            const auto begin = static_cast<std::int64_t>(10 * from + 10);
            const std::int64_t end = to == values.size() ? 85 : static_cast<std::int64_t>(10 * to + 10);
            caller.add(begin, end, std::span(values).subspan(from, to - from), static_cast<std::int64_t>(to - from), pool);
            from = to;
        }
        caller.end_stretch();
        caller.release(0, [&](const CalledInterval& c) { out.push_back(c); });
        return out;
    };
    for (const std::vector<std::size_t>& cuts : {std::vector<std::size_t>{}, {1}, {2, 3, 7}, {4, 5, 6}}) {
        const auto plain = called({0.5f, 0, 1, 10}, cuts);
        REQUIRE(plain.size() == 3);
        CHECK((plain[0].begin == 20 && plain[0].end == 50 && plain[0].summit == 15 && plain[0].max == 0.9f));
        CHECK(plain[0].mean == doctest::Approx(0.8));
        CHECK((plain[1].begin == 60 && plain[1].end == 70 && plain[1].summit == 5));
        CHECK((plain[2].begin == 80 && plain[2].end == 85 && plain[2].summit == 2));
        const auto merged = called({0.5f, 10, 1, 10}, cuts);
        REQUIRE(merged.size() == 1);
        CHECK((merged[0].begin == 20 && merged[0].end == 85 && merged[0].mean == doctest::Approx(0.78)));
        CHECK(called({0.5f, 0, 11, 10}, cuts).size() == 1);
    }
}
