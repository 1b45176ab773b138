#include "kernels/base/number.hpp"

#include <doctest/doctest.h>

using regkit::parse_int;
using regkit::parse_real;

TEST_CASE("parse_int takes whole decimal numbers in range and nothing else") {
    CHECK(parse_int("0", 0, 10) == 0);
    CHECK(parse_int("-5", -10, 10) == -5);
    CHECK(parse_int("9223372036854775807", 0, INT64_MAX) == INT64_MAX);
    for (const char* bad :
         {"", " 1", "1 ", "+1", "1e3", "1.0", "0x1", "abc", "11", "9223372036854775808", "1\n"})
        CHECK_MESSAGE(!parse_int(bad, 0, 10), bad);
}

TEST_CASE("parse_real takes finite numbers and nothing else") {
    CHECK(parse_real("1e3") == 1000.0);
    CHECK(parse_real("-0.25") == -0.25);
    for (const char* bad : {"", "nan", "inf", "-inf", "1e999", "1.0x", " 1"})
        CHECK_MESSAGE(!parse_real(bad), bad);
}
