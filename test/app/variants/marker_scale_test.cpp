#include "app/variants/marker_scale.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

using namespace regkit;

namespace {

// Prevalences .2 and 0 of markers without a map, .01 of one with a line, .05 of one with knots.
Model model_of(Task task) {
    Model model;
    model.spec.task = task;
    for (const double prevalence : {0.2, 0.0, 0.01, 0.05})
        model.markers.push_back({"m", "", "", "", prevalence});
    model.calls.resize(4);
    model.calls[2].probability = {0.8f, -1.5f, {}};
    model.calls[3].probability = {1.1f, 0.5f, {{-4, -6}, {0, -0.5f}, {3, 2}}};
    return model;
}

double sigmoid(double x) {
    return 1 / (1 + std::exp(-x));
}

double line_with_knots(double x) {  // of the last marker
    const double y = static_cast<double>(1.1f) * x + 0.5;
    if (y <= -4) return y - 2;
    if (y <= 0) return -0.5 + y * 5.5 / 4;
    return y <= 3 ? -0.5 + y * 2.5 / 3 : y - 1;
}

}  // namespace

TEST_CASE("a marker's logit stands for its calibrated probability, coverage for itself") {
    const Model model = model_of(Task::nucleotide);
    const MarkerScales scales(model);
    CHECK(scales.calibrated());
    for (const float x : {-30.0f, -5.0f, -2.0f, 0.25f, 2.0f, 9.0f}) {
        const double y = static_cast<double>(x);
        CHECK(scales.logit(0, x) == y);
        CHECK(std::fabs(scales.value(1, x) - sigmoid(y)) <= 1e-15);
        CHECK(std::fabs(scales.logit(2, x) - (static_cast<double>(0.8f) * y - 1.5)) <= 1e-12);
        CHECK(std::fabs(scales.logit(3, x) - line_with_knots(y)) <= 1e-6);
        CHECK(std::fabs(scales.value(3, x) - sigmoid(line_with_knots(y))) <= 1e-6);
    }
    const MarkerScales coverage(model_of(Task::coverage));
    CHECK_FALSE(coverage.calibrated());
    CHECK(coverage.value(2, 7.5f) == 7.5);
    CHECK(scales.pseudocount(0) == 0.2);
    CHECK(scales.pseudocount(1) == 1e-6);
}

TEST_CASE("the largest fold is that of all values in double precision, and no bound hides it") {
    std::mt19937 random(5);
    for (const Task task : {Task::nucleotide, Task::coverage}) {
        const MarkerScales scales(model_of(task));
        for (std::size_t marker = 0; marker < 4; ++marker)
            for (const std::size_t n : {1, 7, 255, 256})
                for (const float spread : {0.01f, 3.0f, 40.0f}) {
                    CAPTURE(marker);
                    CAPTURE(n);
                    CAPTURE(spread);
                    std::normal_distribution<float> normal(task == Task::coverage ? 5 * spread : -2.0f,
                                                           spread);
                    std::vector<float> ref(n), alt(n);
                    double expected = 0;
                    float change = 0;
                    for (std::size_t i = 0; i < n; ++i) {
                        ref[i] = normal(random);
                        alt[i] = ref[i] + normal(random) * 0.1f;
                        if (task == Task::coverage) {
                            ref[i] = std::fabs(ref[i]);
                            alt[i] = std::fabs(alt[i]);
                        }
                        change = std::max(change, std::fabs(alt[i] - ref[i]));
                        const double e = scales.pseudocount(marker);
                        const double fold = std::log2((scales.value(marker, alt[i]) + e) /
                                                      (scales.value(marker, ref[i]) + e));
                        expected = std::max(expected, std::fabs(fold));
                    }
                    CHECK((expected > 0 || n == 1));
                    const auto got = [&](double least) {
                        return scales.larger_fold(marker, ref, alt, change, least);
                    };
                    for (const double share : {0.0, 0.5, 0.99})
                        CHECK(std::fabs(got(share * expected) - expected) <= 1e-6 + 1e-5 * expected);
                    CHECK(got(2 * expected + 1) == 2 * expected + 1);
                }
    }
}

TEST_CASE("the first of the largest in magnitude, and what is no number before all") {
    constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
    const auto largest = [](std::vector<float> values) { return largest_magnitude(values); };
    CHECK(largest({0, -0.0f, 0}) == 0);
    CHECK(largest({1, -3, 3, 2}) == 1);
    CHECK(largest({1, kNaN, -std::numeric_limits<float>::infinity(), kNaN}) == 1);
    CHECK(largest({-1e-30f, 1e-40f}) == 0);
}
