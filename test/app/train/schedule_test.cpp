#include "app/train/schedule.hpp"

#include <doctest/doctest.h>

#include "kernels/base/error.hpp"

using namespace regkit;

TEST_CASE("schedule: constant") {
    const Schedule s{ScheduleKind::constant, 0.002, 0.1};
    for (const double p : {0.0, 0.05, 0.5, 1.0, 3.0}) CHECK(s.rate(p) == 0.002);
}

TEST_CASE("schedule: cosine rises linearly, then falls to nothing") {
    const Schedule s{ScheduleKind::cosine, 1, 0.2};
    CHECK(s.rate(0) == 0);
    CHECK(s.rate(0.1) == doctest::Approx(0.5));
    CHECK(s.rate(0.2) == doctest::Approx(1));
    CHECK(s.rate(0.6) == doctest::Approx(0.5));
    CHECK(s.rate(0.4) == doctest::Approx(0.853553));
    CHECK(s.rate(1) == doctest::Approx(0));
    CHECK(s.rate(2) == s.rate(1));
    const Schedule no_warmup{ScheduleKind::cosine, 1, 0};
    CHECK(no_warmup.rate(0) == 1);
}

TEST_CASE("schedule: one cycle, the values of PyTorch's OneCycleLR with its defaults") {
    const Schedule s{ScheduleKind::one_cycle, 1, 0.05};
    CHECK(s.rate(0) == doctest::Approx(0.04));
    CHECK(s.rate(0.15) == doctest::Approx(0.52));
    CHECK(s.rate(0.3) == doctest::Approx(1));
    CHECK(s.rate(0.65) == doctest::Approx(0.50005));
    CHECK(s.rate(1) == doctest::Approx(1e-4));
}

TEST_CASE("schedule: names") {
    for (const char* name : {"constant", "cosine", "one-cycle"})
        CHECK(std::string(to_string(parse_schedule(name))) == name);
    CHECK_THROWS_AS(parse_schedule("linear"), Error);
}
