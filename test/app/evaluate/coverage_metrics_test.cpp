#include "app/evaluate/coverage_metrics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

// Two passes over all values.
double correlation(const std::vector<double>& x, const std::vector<double>& y) {
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) mx += x[i], my += y[i];
    mx /= static_cast<double>(x.size());
    my /= static_cast<double>(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xy / std::sqrt(xx * yy);
}

std::vector<double> log1p_of(std::vector<double> values) {
    for (double& v : values) v = std::log1p(v);
    return values;
}

}  // namespace

TEST_CASE("correlations and loss are those of all values at once, however they are split and whoever works") {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    constexpr int kMarkers = 4, kTiles = 30, kLength = 70;
    ThreadPool one(1), three(3);
    CoverageSums sums(kMarkers, one), threaded(kMarkers, three);
    std::vector<std::vector<double>> rates(kMarkers), covers(kMarkers);
    std::vector<double> losses(kMarkers);
    for (int t = 0; t < kTiles; ++t) {
        std::vector<float> logits(kMarkers * kLength);
        for (float& z : logits) z = 3 * normal(random);
        // A large mean, in which a sum of squares would lose the rest.
        for (int i = 0; i < kLength; ++i)
            logits[2 * kLength + static_cast<std::size_t>(i)] = 30000.0f + normal(random);
        const std::vector<KeptRun> kept{{3, 20}, {21, 22}, {40, kLength}};
        std::vector<LabelRun> labels;
        for (int m = 0; m < kMarkers; ++m)
            for (int at = m; at + 6 < kLength; at += 11)
                labels.push_back({m, at, at + 5, static_cast<float>(random() % 9)});
        sums.add(logits, kLength, kept, labels);
        threaded.add(logits, kLength, kept, labels);
        for (const KeptRun& run : kept)
            for (int i = run.begin; i < run.end; ++i)
                for (int m = 0; m < kMarkers; ++m) {
                    double y = 0;
                    for (const LabelRun& label : labels)
                        if (label.marker == m && label.begin <= i && i < label.end)
                            y = static_cast<double>(label.value);
                    const auto z = static_cast<double>(logits[static_cast<std::size_t>(m * kLength + i)]);
                    const double rate = z > 500 ? z : std::log1p(std::exp(z));
                    rates[static_cast<std::size_t>(m)].push_back(rate);
                    covers[static_cast<std::size_t>(m)].push_back(y);
                    losses[static_cast<std::size_t>(m)] += rate - y * std::log(rate);
                }
    }
    const auto metrics = sums.all_metrics(), other = threaded.all_metrics();
    double loss = 0;
    for (std::size_t m = 0; m < kMarkers; ++m) {
        const auto n = static_cast<double>(rates[m].size());
        CHECK(metrics[m].bins == static_cast<std::int64_t>(rates[m].size()));
        CHECK(metrics[m].scored);
        CHECK(std::fabs(metrics[m].pearson_r - correlation(rates[m], covers[m])) <= 1e-9);
        CHECK(std::fabs(metrics[m].pearson_r_log1p - correlation(log1p_of(rates[m]), log1p_of(covers[m]))) <=
              1e-9);
        CHECK(std::fabs(metrics[m].poisson_loss - losses[m] / n) <= 1e-9 * std::fabs(losses[m] / n) + 1e-9);
        CHECK(metrics[m].pearson_r == other[m].pearson_r);
        CHECK(metrics[m].poisson_loss == other[m].poisson_loss);
        loss += metrics[m].poisson_loss / kMarkers;
    }
    CHECK(std::fabs(sums.loss() - loss) <= 1e-9 * std::fabs(loss));
    sums.clear();
    CHECK(sums.all_metrics()[0].bins == 0);
}

TEST_CASE(
    "far below zero the loss is linear in the logit; what is not finite is an error; what does not vary has no score") {
    ThreadPool pool(1);
    CoverageSums sums(1, pool);
    const std::vector<KeptRun> kept{{0, 2}};
    const std::vector<LabelRun> labels{{0, 0, 2, 2.0f}};
    sums.add(std::vector<float>{-800, -800}, 2, kept, labels);
    CHECK(sums.loss() == doctest::Approx(1600));
    CHECK(!sums.all_metrics()[0].scored);
    CHECK(sums.all_metrics()[0].mean_coverage == 2);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
        CHECK_THROWS_AS(sums.add(std::vector<float>{0, bad}, 2, kept, labels), Error);
}

TEST_CASE("the table of coverage, and means of classes") {
    const std::vector<Marker> markers{{"a", "X", "", "", 1},
                                      {"b", "X", "", "", 1},
                                      {"c", "", "", "", 1},
                                      {"d", "X", "", "", 1},
                                      {"e", "X", "", "", 1}};
    const std::vector<CoverageMetrics> metrics{{10, 1.5, 0.5, true, 0.25, 0.5},
                                               {10, 2.5, 1.5, false, 0, 0},
                                               {10, 0.0, 0.25, false, 0, 0},
                                               {10, 3.0, 2.0, true, 0.5, 0.625},
                                               {10, 7.0, 8.0, true, 0.75, 0.75}};
    CHECK(coverage_header("") + coverage_rows("test", markers, metrics, "") ==
          "split\tmarker\tclass\tpearson_r\tpearson_r_log1p\tpoisson_loss\tmean_coverage\tbins\n"
          "test\ta\tX\t0.25\t0.5\t0.5\t1.5\t10\n"
          "test\tb\tX\tNA\tNA\t1.5\t2.5\t10\n"
          "test\tc\t.\tNA\tNA\t0.25\t0\t10\n"
          "test\td\tX\t0.5\t0.625\t2\t3\t10\n"
          "test\te\tX\t0.75\t0.75\t8\t7\t10\n"
          "test\tmean\tX\t0.5\t0.625\t3\t3.5\t10\n"
          "test\tmean\t.\tNA\tNA\t0.25\t0\t10\n"
          "test\tmedian\tX\t0.5\t0.625\t1.75\t2.75\t10\n"
          "test\tmedian\t.\tNA\tNA\t0.25\t0\t10\n");
    CHECK(coverage_header("\ta").ends_with("\tbins\ta\n"));
    CHECK(coverage_rows("test", {markers[2]}, {CoverageMetrics{}}, "\tp") ==
          "test\tc\t.\tNA\tNA\tNA\tNA\t0\tp\ntest\tmean\t.\tNA\tNA\tNA\tNA\t0\tp\n"
          "test\tmedian\t.\tNA\tNA\tNA\tNA\t0\tp\n");
    std::vector<CoverageMetrics> spread(metrics.begin(), metrics.begin() + 2);
    spread[0].spread = 0.5;
    CHECK(coverage_rows("test", {markers[0], markers[1]}, spread, "\tp", true) ==
          "test\ta\tX\t0.25\t0.5\t0.5\t1.5\t10\tp\t0.5\n"
          "test\tb\tX\tNA\tNA\t1.5\t2.5\t10\tp\tNA\n"
          "test\tmean\tX\t0.25\t0.5\t1\t2\t10\tp\t0.5\n"
          "test\tmedian\tX\t0.25\t0.5\t1\t2\t10\tp\t0.5\n");
    CHECK(mean_pearson(class_means(markers, metrics)) == 0.5);
    CHECK(std::isnan(mean_pearson(class_means({markers[2]}, {metrics[2]}))));
}
