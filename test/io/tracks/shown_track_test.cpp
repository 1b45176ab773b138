#include "io/tracks/shown_track.hpp"

#include <doctest/doctest.h>

using namespace regkit;

TEST_CASE("an axis ends at two digits, no lower than what it shows") {
    for (const auto& [value, top] : {std::pair{0.18, 0.18},
                                     {0.1801, 0.19},
                                     {0.0512, 0.052},
                                     {0.998, 1.0},
                                     {0.0, 0.01},
                                     {0.003, 0.01},
                                     {5.0, 1.0},
                                     {0.1, 0.1}})
        CHECK(axis_top(value, 0.01, 1) == doctest::Approx(top));
    CHECK(axis_top(1234, 0.01, 1e9) == doctest::Approx(1300));
}

TEST_CASE("a class has one colour, and others than the known ones differ") {
    ClassColours one, other;
    CHECK(one.of("new") == one.of("new"));
    CHECK(one.of("new") != one.of("newer"));
    CHECK(one.of("TFBS") == other.of("TFBS"));
    CHECK(one.of("") != one.of("new"));
}
