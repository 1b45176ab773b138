// Shuffles keep what they promise, and every order that they may give comes as often as any other.
#include "app/attribution/base_shuffle.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "base/splitmix.hpp"
#include "kernels/backend.hpp"

using namespace regkit;

namespace {

using Sequence = std::vector<std::uint8_t>;

std::array<int, kSymbols * kSymbols> pairs_of(const Sequence& s) {
    std::array<int, kSymbols * kSymbols> count{};
    for (std::size_t i = 0; i + 1 < s.size(); ++i) ++count[s[i] * kSymbols + s[i + 1]];
    return count;
}

// All orders of the bases with these pairs and ends, by trying them.
void find_orders(Sequence& so_far, std::array<int, kSymbols * kSymbols>& left, std::size_t length,
                 std::set<Sequence>& found) {
    if (so_far.size() == length) {
        found.insert(so_far);
        return;
    }
    for (std::uint8_t next = 1; next < kSymbols; ++next) {
        int& pairs = left[so_far.back() * kSymbols + next];
        if (pairs == 0) continue;
        --pairs;
        so_far.push_back(next);
        find_orders(so_far, left, length, found);
        so_far.pop_back();
        ++pairs;
    }
}

}  // namespace

TEST_CASE("shuffled bases have the same pairs, and N stays") {
    Sequence s;
    for (std::uint64_t i = 0; i < 3000; ++i) s.push_back(static_cast<std::uint8_t>(1 + splitmix(i) % 4));
    for (std::size_t i = 500; i < 600; ++i) s[i] = 0;
    s[0] = s[700] = s[702] = s.back() = 0;
    std::set<Sequence> made;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const Sequence shuffled = shuffle_pairs(s, seed);
        CHECK(pairs_of(shuffled) == pairs_of(s));
        std::size_t moved = 0;
        for (std::size_t i = 0; i < s.size(); ++i) {
            CHECK((shuffled[i] == 0) == (s[i] == 0));
            moved += shuffled[i] != s[i];
        }
        CHECK(moved > 1500);
        CHECK(shuffle_pairs(s, seed) == shuffled);
        made.insert(shuffled);
    }
    CHECK(made.size() == 20);
}

TEST_CASE("every order with the same pairs is as likely as any other") {
    const Sequence s{1, 2, 1, 3, 1, 2, 3, 3, 2};
    auto pairs = pairs_of(s);
    Sequence begin{s.front()};
    std::set<Sequence> orders;
    find_orders(begin, pairs, s.size(), orders);
    CHECK(orders.size() > 10);
    std::map<Sequence, int> seen;
    constexpr int kDraws = 20000;
    for (std::uint64_t seed = 0; seed < kDraws; ++seed) ++seen[shuffle_pairs(s, seed)];
    CHECK(seen.size() == orders.size());
    const double expected = static_cast<double>(kDraws) / static_cast<double>(orders.size());
    double chi = 0;
    for (const auto& [order, count] : seen) {
        CHECK(orders.count(order) == 1);
        chi += (count - expected) * (count - expected) / expected;
    }
    // Four standard deviations above what it should be.
    const double freedom = static_cast<double>(orders.size()) - 1;
    CHECK(chi <= freedom + 4 * std::sqrt(2 * freedom));
}

TEST_CASE("short runs stay as they are") {
    for (const Sequence& s :
         {Sequence{}, Sequence{0}, Sequence{3}, Sequence{1, 2}, Sequence{2, 2, 2, 0, 4, 1, 0}})
        CHECK(shuffle_pairs(s, 5) == s);
}
