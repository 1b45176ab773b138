#include "app/model/both_strands.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace regkit;

namespace {

float mean_of(float a, float b, Task task) {
    std::vector<float> values{a};
    average_strand_logits(values, std::vector<float>{b}, 1, task);
    return values[0];
}

long double sigmoid(long double x) {
    return 1 / (1 + std::exp(-x));
}

}  // namespace

TEST_CASE("the other strand of every row") {
    std::vector<std::uint8_t> reversed{9};
    reverse_rows(std::vector<std::uint8_t>{1, 2, 0, 3, 4, 4}, 3, reversed);  // ACN GTT
    CHECK(reversed == std::vector<std::uint8_t>{0, 3, 4, 1, 1, 2});          // NGT AAC
}

TEST_CASE("what is said of the other strand runs backwards") {
    std::vector<float> values{1, 2, 3, 10, 20, 30};
    average_strands(values, std::vector<float>{5, 6, 7, 0, 0, 6}, 3);
    CHECK(values == std::vector<float>{4, 4, 4, 8, 10, 15});
}

TEST_CASE("logits are averaged as the probabilities that they stand for") {
    for (const float a : {-20.f, -3.f, -0.25f, 0.f, 1.5f, 9.f})
        for (const float b : {-18.f, -3.f, 0.f, 0.5f, 12.f}) {
            const long double p = (sigmoid(a) + sigmoid(b)) / 2, q = (sigmoid(-a) + sigmoid(-b)) / 2;
            const auto expected = static_cast<double>(std::log(p) - std::log(q));
            CHECK(static_cast<double>(mean_of(a, b, Task::nucleotide)) ==
                  doctest::Approx(expected).epsilon(1e-6));
        }
    for (const float same : {-1000.f, -88.f, 0.1f, 40.f, 5000.f})
        for (const Task task : {Task::nucleotide, Task::coverage}) CHECK(mean_of(same, same, task) == same);
    CHECK(mean_of(5000, -5000, Task::nucleotide) == 0);
    CHECK(static_cast<double>(mean_of(-800, -100, Task::nucleotide)) ==
          doctest::Approx(-100 - std::log(2.0)).epsilon(1e-6));
    CHECK(std::isnan(mean_of(std::numeric_limits<float>::quiet_NaN(), 1, Task::nucleotide)));
}

TEST_CASE("and those of coverage as the coverage that they stand for") {
    const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
    for (const float a : {-9.f, -1.f, 0.f, 3.f, 20.f})
        for (const float b : {-4.f, 2.f, 7.f})
            CHECK(softplus(static_cast<double>(mean_of(a, b, Task::coverage))) ==
                  doctest::Approx((softplus(static_cast<double>(a)) + softplus(static_cast<double>(b))) / 2)
                      .epsilon(1e-6));
}
