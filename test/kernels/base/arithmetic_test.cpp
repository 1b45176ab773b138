#include "kernels/base/arithmetic.hpp"

#include <doctest/doctest.h>

using regkit::floor_div;
using regkit::round_up;

TEST_CASE("floor_div rounds down on both sides of 0") {
    for (std::int64_t b = 1; b <= 7; ++b)
        for (std::int64_t a = -30; a <= 30; ++a) {
            const std::int64_t q = floor_div(a, b);
            CHECK((q * b <= a && a < (q + 1) * b));
        }
}

TEST_CASE("round_up gives the next multiple") {
    for (std::int64_t unit = 1; unit <= 7; ++unit)
        for (std::int64_t value = 0; value <= 30; ++value) {
            const std::int64_t up = round_up(value, unit);
            CHECK((up % unit == 0 && up >= value && up < value + unit));
        }
}
