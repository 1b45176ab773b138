#include "app/train/window_order.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

using namespace regkit;

TEST_CASE("window order: every epoch is a permutation, of any count") {
    for (const std::int64_t count : {1, 2, 3, 4, 5, 16, 17, 1000, 4097})
        for (const std::uint64_t epoch : {0u, 1u, 77u}) {
            std::vector<int> seen(static_cast<std::size_t>(count));
            for (std::int64_t i = 0; i < count; ++i) {
                const std::int64_t x = permuted(9, epoch, count, i);
                REQUIRE(x >= 0);
                REQUIRE(x < count);
                ++seen[static_cast<std::size_t>(x)];
            }
            for (const int times : seen) REQUIRE(times == 1);
        }
}

TEST_CASE("window order: epochs and seeds differ, and neighbours are scattered") {
    constexpr std::int64_t kCount = 2000;
    int same_epoch = 0, same_seed = 0, ascending = 0;
    double distance = 0;
    for (std::int64_t i = 0; i < kCount; ++i) {
        same_epoch += window_at(1, kCount, i) == window_at(1, kCount, i + kCount);
        same_seed += window_at(1, kCount, i) == window_at(2, kCount, i);
        if (i == 0) continue;
        const std::int64_t step = window_at(1, kCount, i) - window_at(1, kCount, i - 1);
        ascending += step > 0;
        distance += std::fabs(static_cast<double>(step));
    }
    CHECK(same_epoch < 10);
    CHECK(same_seed < 10);
    CHECK(std::abs(ascending - 1000) < 100);
    CHECK(std::fabs(distance / kCount - kCount / 3.0) < 60);  // the mean of |x - y| of two random places
}

TEST_CASE("window order: the coin is fair and independent of its neighbours") {
    int heads = 0, changes = 0;
    for (std::int64_t i = 0; i < 10000; ++i) {
        heads += reversed_at(4, i);
        changes += reversed_at(4, i) != reversed_at(4, i + 1);
    }
    CHECK(std::abs(heads - 5000) < 200);
    CHECK(std::abs(changes - 5000) < 200);
}
