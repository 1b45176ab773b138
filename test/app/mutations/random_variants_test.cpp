// Numbers drawn without replacement: all different, the same for a seed, and each set as likely as any other.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "app/mutations/known_bases.hpp"

namespace regkit {

TEST_CASE("random numbers are different, ascending, below the total, and all where all are asked for") {
    for (const std::int64_t count : {0, 1, 17, 100}) {
        const std::vector<std::int64_t> numbers = random_numbers(100, count, 3);
        CHECK(std::ssize(numbers) == count);
        CHECK(std::is_sorted(numbers.begin(), numbers.end()));
        CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
        CHECK(std::all_of(numbers.begin(), numbers.end(), [](std::int64_t n) { return n >= 0 && n < 100; }));
    }
    CHECK(random_numbers(1'000'000, 50, 3) == random_numbers(1'000'000, 50, 3));
    CHECK(random_numbers(1'000'000, 50, 3) != random_numbers(1'000'000, 50, 4));
}

TEST_CASE("every pair of five numbers is drawn as often as every other") {
    constexpr int kSeeds = 20000, kPairs = 10;
    std::map<std::vector<std::int64_t>, int> seen;
    for (int seed = 0; seed < kSeeds; ++seed) ++seen[random_numbers(5, 2, static_cast<std::uint64_t>(seed))];
    CHECK(seen.size() == kPairs);
    double chi_squared = 0;
    for (const auto& [pair, count] : seen)
        chi_squared += std::pow(count - kSeeds / kPairs, 2) / (kSeeds / kPairs);
    CHECK(chi_squared < 30);  // of 9 degrees of freedom: above 30 once in 2,000
}

}  // namespace regkit
