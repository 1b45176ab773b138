#include "io/tracks/value_histogram.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

using regkit::ValueHistogram;

TEST_CASE("a quantile is met from above, within a sixteenth") {
    std::mt19937 random(4);
    std::vector<float> values;
    for (int i = 0; i < 20000; ++i)
        values.push_back(std::exp(-0.001f * static_cast<float>(random() % 12000)) *
                         (i % 7 == 0 ? 900.0f : 1.0f));
    ValueHistogram histogram;
    for (std::size_t i = 0; i < values.size(); i += 1000) histogram.add({values.data() + i, 1000}, 3);
    std::sort(values.begin(), values.end());
    for (const double q : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size()))) - 1;
        const double exact = values[rank], got = histogram.quantile(q);
        CHECK(got >= exact);
        CHECK(got <= exact * 17.0 / 16.0 + 1e-12);
    }
}

TEST_CASE("values are counted by their weight, and those beyond the bins have one") {
    ValueHistogram histogram;
    CHECK(histogram.quantile(0.5) == 0);
    const std::vector<float> low{0.0f, 1e-9f}, high{3e38f};
    histogram.add(low, 10);
    CHECK(histogram.quantile(1) == 0);
    histogram.add(high, 20);
    CHECK(histogram.quantile(0.49) == 0);
    CHECK(histogram.quantile(0.51) == std::ldexp(1.0, 20));
    const std::vector<float> ones{1.0f, 0.999999f};
    ValueHistogram near_one;
    near_one.add(ones, 1);
    CHECK(near_one.quantile(0.5) == 1.0);
    CHECK(near_one.quantile(1) == 1.0625);
}
