// Calibration: worked by hand, and where a value is not defined. metrics_sklearn.py holds it against
// scikit-learn.
#include "app/evaluate/calibration.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

using namespace regkit;

namespace {

Calibration of(const std::vector<LogitCell>& cells) {
    return calibration_of([&](const std::function<void(const LogitCell&)>& take) {
        for (const LogitCell& cell : cells) take(cell);
    });
}

double sigmoid(double z) {
    return 1 / (1 + std::exp(-z));
}

}  // namespace

TEST_CASE("calibration: right probabilities have slope 1, intercept 0 and no error") {
    std::vector<LogitCell> cells;
    for (double z = -8; z <= 3; z += 0.25) cells.push_back({z, 1000, 1000 * sigmoid(z)});
    const Calibration c = of(cells);
    CHECK(std::fabs(c.slope - 1) <= 1e-9);
    CHECK(std::fabs(c.intercept) <= 1e-9);
    CHECK(c.error <= 1e-12);
    CHECK(c.error_of_constant > 0.2);
}

TEST_CASE("calibration: a line through two cells is exact") {
    // Rates 1/10 and 3/4 at logits -1 and 2: log odds -log 9 and log 3.
    const Calibration c = of({{-1, 100, 10}, {2, 40, 30}});
    const double low = -std::log(9.0), high = std::log(3.0);
    CHECK(c.slope == doctest::Approx((high - low) / 3).epsilon(1e-9));
    CHECK(c.intercept == doctest::Approx(low + (high - low) / 3).epsilon(1e-9));
    // Prevalence 40/140 = .2857; sigmoid(-1) = .2689 is below, sigmoid(2) = .8808 above.
    CHECK(c.error == doctest::Approx(sigmoid(2) - 0.75));
    CHECK(c.error_of_constant == doctest::Approx(0.75 - 40.0 / 140));
}

TEST_CASE("calibration: probabilities too far apart, and all too high") {
    std::vector<LogitCell> far, high;
    for (double z = -6; z <= 4; z += 0.5) {
        far.push_back({2 * z, 1000, 1000 * sigmoid(z)});
        high.push_back({z + 1.5, 1000, 1000 * sigmoid(z)});
    }
    CHECK(of(far).slope == doctest::Approx(0.5).epsilon(1e-9));
    CHECK(of(high).slope == doctest::Approx(1).epsilon(1e-9));
    CHECK(of(high).intercept == doctest::Approx(-1.5).epsilon(1e-9));
    CHECK(of(high).error > 0.1);
}

TEST_CASE("calibration: what is not defined is NaN") {
    CHECK(std::isnan(of({}).slope));
    CHECK(std::isnan(of({{1, 10, 0}}).error));
    CHECK(std::isnan(of({{1, 10, 10}}).error));
    const Calibration constant = of({{1, 10, 4}});
    CHECK(std::isnan(constant.slope));
    CHECK(std::isnan(constant.intercept));
    CHECK(constant.error == doctest::Approx(sigmoid(1) - 0.4));
    CHECK(constant.error_of_constant == doctest::Approx(0));
    CHECK(std::isnan(of({{-1, 10, 0}, {1, 10, 10}}).slope));  // separated: the likelihood has no maximum
    CHECK(std::isnan(of({{-5, 10, 2}, {-4, 10, 3}}).error));  // no probability above the prevalence
}

TEST_CASE("calibration: extreme logits of few positions") {
    const Calibration c = of({{-80, 1e9, 10}, {-2, 1e6, 1e5}, {60, 1000, 900}});
    CHECK(std::isfinite(c.slope));
    CHECK(c.slope > 0);
}
