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
