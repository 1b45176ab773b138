#include "app/evaluate/metrics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

MarkerMetrics metrics_of(const std::vector<float>& logits, const std::vector<LabelRun>& labels) {
    ThreadPool pool(1);
    MarkerCounts counts(1, pool);
    const KeptRun all{0, static_cast<std::int32_t>(logits.size())};
    counts.add(logits, all.end, {&all, 1}, labels);
    return counts.metrics(0);
}

}  // namespace

TEST_CASE("metrics: the grid is monotone, covers 16 bits, and inverts") {
    int last = 0;
    for (float z = -100; z < 100; z += 0.00037f) {
        const int bin = logit_bin(z);
        REQUIRE(bin >= last);
        REQUIRE(bin < kLogitBins);
        last = bin;
        if (z > -88 && z < 89.9) {
            REQUIRE(bin_logit(bin) <= static_cast<double>(z) + 1e-4);
            REQUIRE(bin_logit(bin + 1) >= static_cast<double>(z) - 1e-4);
        }
    }
    CHECK(logit_bin(-1e30f) == 0);
    CHECK(logit_bin(1e30f) == kLogitBins - 1);
    CHECK(bin_logit(0) == -88);
    CHECK(bin_logit(kLogitBins) == 90);
    CHECK(bin_logit(logit_bin(0.0f)) == 0);
    CHECK(logit_bin(1.0f + 1.0f / 4096) == logit_bin(1.0f) + 1);
}

TEST_CASE("metrics: worked by hand") {
    // Scores 4 3 2 1 with labels + - + -: AP = (1 + 2/3) / 2, ROC 3/4, recall with precision >= .95 = 1/2,
    // trapezoid = 1/2 * 1 + 1/2 * (1/2 + 2/3) / 2 (the middle points of recall 1/2 and 1 lie at 1/2 and 2/3).
    const MarkerMetrics m = metrics_of({3, 4, 1, 2}, {{0, 1, 2}, {0, 3, 4}});
    CHECK(m.positions == 4);
    CHECK(m.positives == 2);
    CHECK(m.prevalence == 0.5);
    CHECK(m.scored);
    CHECK(m.roc_auc == 0.75);
    CHECK(m.average_precision == doctest::Approx((1 + 2.0 / 3) / 2).epsilon(1e-12));
    CHECK(m.pr_auc_trapezoid == doctest::Approx(0.5 + 0.5 * (0.5 + 2.0 / 3) / 2).epsilon(1e-12));
    CHECK(m.recall_at_fdr05 == 0.5);
    // Of the cutoffs' tables 1 0 1 2, 1 1 1 1 and 2 1 0 1 (true, false called; missed, rightly left).
    CHECK(m.mcc == doctest::Approx((2 * 1 - 1 * 0) / std::sqrt(1.0 * 2 * 2 * 3)));
    CHECK(m.top_k_accuracy == 0.5);
}

TEST_CASE("metrics: the k-th place among ties, and a ranking that is worse than chance") {
    // Two positives; the second place is shared by three, one of them positive: 1 + 1/3 of 2.
    const MarkerMetrics tied = metrics_of({5, 1, 1, 1, -2}, {{0, 0, 2}});
    CHECK(tied.top_k_accuracy == doctest::Approx((1 + 1.0 / 3) / 2).epsilon(1e-12));
    const MarkerMetrics wrong = metrics_of({5, 5, -5}, {{0, 2, 3}});
    CHECK(wrong.mcc == 0);
    CHECK(wrong.top_k_accuracy == 0);
}

TEST_CASE("metrics: means and medians, each over the markers that have the value") {
    const std::vector<Marker> markers(4, Marker{"m", "X", "", "", 0});
    std::vector<MarkerMetrics> metrics(4);
    for (std::size_t i = 0; i < 4; ++i) {
        metrics[i] = {10, static_cast<std::int64_t>(1 + i * i), 0.1, i < 3, 0.5, 0.2, 0.2, 0, false};
        metrics[i].mcc = 0.1 * static_cast<double>(1 + i * i);
    }
    metrics[1].calibration.slope = 0.5;
    metrics[2].calibration.slope = 0.9;
    const ClassMean c = class_means(markers, metrics).front();
    CHECK(c.scored == 3);
    CHECK(c.positives == doctest::Approx(8.0 / 3));
    CHECK(c.median_positives == 2);
    CHECK(c.mean.mcc == doctest::Approx(0.8 / 3));
    CHECK(c.median.mcc == doctest::Approx(0.2));
    CHECK(c.mean.calibration.slope == doctest::Approx(0.7));
    CHECK(c.median.calibration.slope == doctest::Approx(0.7));
    CHECK(std::isnan(c.mean.calibration.error));
}

TEST_CASE("metrics: all tied, all right, all wrong") {
    const MarkerMetrics tied = metrics_of(std::vector<float>(10, -3.3f), {{0, 2, 4}});
    CHECK(tied.roc_auc == 0.5);
    CHECK(tied.average_precision == 0.2);
    CHECK(tied.recall_at_fdr05 == 0);
    CHECK(tied.constant);
    CHECK(std::isnan(tied.pr_auc_trapezoid));  // not (1 + 0.2) / 2
    const MarkerMetrics right = metrics_of({5, 5, -5, -5, -6}, {{0, 0, 2}});
    CHECK(right.roc_auc == 1);
    CHECK(right.average_precision == 1);
    CHECK(right.pr_auc_trapezoid == 1);
    CHECK(right.recall_at_fdr05 == 1);
    CHECK(!right.constant);
    // Two thresholds: precision 1/2 up to recall 1/2, then down to 2/6.
    const MarkerMetrics two = metrics_of({1, 1, 0, 0, 0, 0}, {{0, 0, 1}, {0, 2, 3}});
    CHECK(two.pr_auc_trapezoid == doctest::Approx(0.5 * 0.5 + 0.5 * (0.5 + 2.0 / 6) / 2).epsilon(1e-12));
    const MarkerMetrics wrong = metrics_of({5, 5, -5}, {{0, 2, 3}});
    CHECK(wrong.roc_auc == 0);
    CHECK(wrong.average_precision == doctest::Approx(1.0 / 3));
}

TEST_CASE("metrics: a constant is one to two cells of the grid, scored or not") {
    const float cell = 1.0f / 4096;
    const std::vector<LabelRun> one{{0, 0, 1}};
    CHECK(metrics_of({-1, -1, -1}, {}).constant);
    CHECK(metrics_of({-1, -1 + cell / 2, -1 + cell}, one).constant);
    CHECK(metrics_of({-1 + cell, -1, -1}, one).average_precision ==
          1);  // but it is a ranking as far as it goes
    CHECK(!metrics_of({-1, -1, -1 + 2 * cell}, one).constant);
    CHECK(metrics_of({500, 600, 100}, one).constant);  // clamped
    CHECK(!metrics_of({}, {}).constant);
    std::vector<Marker> markers{{"a", "X", "", "", 0}, {"b", "X", "", "", 0}, {"c", "Y", "", "", 0}};
    std::vector<MarkerMetrics> metrics(3);
    metrics[0] = {10, 2, 0.2, true, 0.8, 0.4, 0.3, 0.1, false};
    metrics[1] = {10, 4, 0.4, true, 0.5, 0.4, std::nan(""), 0, true};
    metrics[2] = {10, 1, 0.1, true, 0.5, 0.1, std::nan(""), 0, true};
    const auto means = class_means(markers, metrics);
    CHECK(means[0].constant == 1);
    CHECK(!means[0].mean.constant);
    CHECK(means[0].mean.pr_auc_trapezoid == 0.3);  // of those that have one
    CHECK(means[0].mean.average_precision == 0.4);
    CHECK(means[1].mean.constant);
    CHECK(std::isnan(means[1].mean.pr_auc_trapezoid));
    CHECK(mean_prevalence(means) == doctest::Approx((0.3 + 0.1) / 2));
    CHECK(std::isnan(mean_prevalence({})));
    CHECK(precision_text(0.5, "prevalence", 0.02) == "0.5000, 25 times the prevalence 0.02");
}

TEST_CASE("metrics: a marker without positives or negatives is not scored, nor part of a mean") {
    CHECK(!metrics_of({1, 2, 3}, {}).scored);
    CHECK(!metrics_of({1, 2, 3}, {{0, 3, 0}}).scored);
    std::vector<Marker> markers{
        {"a", "X", "", "", 0}, {"b", "Y", "", "", 0}, {"c", "X", "", "", 0}, {"d", "Z", "", "", 0}};
    std::vector<MarkerMetrics> metrics(4);
    metrics[0] = {10, 2, 0.2, true, 0.8, 0.4, 0.3, 0.1};
    metrics[1] = {10, 4, 0.4, true, 0.6, 0.2, 0.3, 0.1};
    const auto means = class_means(markers, metrics);
    REQUIRE(means.size() == 3);
    CHECK(means[0].class_name == "X");
    CHECK(means[0].markers == 2);
    CHECK(means[0].scored == 1);
    CHECK(means[0].mean.average_precision == 0.4);
    CHECK(means[0].positives == 2);
    CHECK(means[2].scored == 0);
    CHECK(!means[2].mean.scored);
    CHECK(mean_average_precision(means) == doctest::Approx(0.3));
    CHECK(std::isnan(mean_average_precision({})));
}

TEST_CASE("metrics: workers, widening, split windows and excluded positions change nothing they should not") {
    constexpr int kMarkers = 5, kLength = 4000;
    std::mt19937 random(3);
    std::normal_distribution<float> noise(-2, 3);
    std::vector<float> logits(kMarkers * kLength);
    for (float& z : logits) z = noise(random);
    std::vector<LabelRun> labels;
    for (int marker = 0; marker < kMarkers; ++marker)
        for (std::int32_t begin = 10 * marker; begin < kLength - 50; begin += 400)
            labels.push_back({marker, begin, begin + 30 + marker});
    const std::vector<KeptRun> kept{{0, 15}, {25, 411}, {900, 3999}};

    ThreadPool one(1), three(3);
    MarkerCounts a(kMarkers, one), b(kMarkers, three);
    a.add(logits, kLength, kept, labels);
    b.set_widening_limit(kLength);
    b.add(logits, kLength, {kept.data(), 1}, labels);
    b.add(logits, kLength, {kept.data() + 1, 2}, labels);
    for (int marker = 0; marker < kMarkers; ++marker) {
        const MarkerMetrics x = a.metrics(marker), y = b.metrics(marker);
        CHECK(x.positions == 15 + 386 + 3099);
        std::int64_t positives = 0;
        for (const LabelRun& run : labels)
            for (std::int32_t p = run.begin; p < run.end && run.marker == marker; ++p)
                for (const KeptRun& keep : kept) positives += p >= keep.begin && p < keep.end;
        CHECK(x.positives == positives);
        CHECK(y.positives == positives);
        CHECK(x.positions == y.positions);
        CHECK(x.average_precision == y.average_precision);
        CHECK(x.roc_auc == y.roc_auc);
    }
    CHECK(a.loss() == b.loss());
    double loss = 0;
    std::int64_t count = 0;
    for (int marker = 0; marker < kMarkers; ++marker)
        for (const KeptRun& keep : kept)
            for (std::int32_t p = keep.begin; p < keep.end; ++p, ++count) {
                const double z = static_cast<double>(logits[static_cast<std::size_t>(marker * kLength + p)]);
                bool positive = false;
                for (const LabelRun& run : labels)
                    positive |= run.marker == marker && p >= run.begin && p < run.end;
                loss += std::log1p(std::exp(positive ? -z : z));
            }
    CHECK(std::fabs(a.loss() - loss / static_cast<double>(count)) <= 1e-5);
}

TEST_CASE("metrics: a logit that is not finite is an error") {
    for (const float bad : {std::nanf(""), INFINITY, -INFINITY})
        CHECK_THROWS_AS(metrics_of({1, bad, 2}, {{0, 1, 0}}), Error);
}

TEST_CASE("metrics: a thinned curve keeps its ends and its area") {
    std::mt19937 random(5);
    std::normal_distribution<float> noise(-4, 1.5f);
    std::vector<float> logits(200000);
    std::vector<LabelRun> labels;
    for (float& z : logits) z = noise(random);
    for (std::int32_t begin = 0; begin < 200000; begin += 5000) {
        labels.push_back({0, begin, begin + 100});
        for (std::int32_t p = begin; p < begin + 100; ++p) logits[static_cast<std::size_t>(p)] += 3;
    }
    ThreadPool pool(1);
    MarkerCounts counts(1, pool);
    const KeptRun all{0, 200000};
    counts.add(logits, 200000, {&all, 1}, labels);
    const auto curve = counts.curve(0, 600);
    REQUIRE(curve.size() > 100);
    CHECK(curve.size() < 1300);
    CHECK(curve.back().recall == 1);
    CHECK(curve.back().false_positive_rate == 1);
    double roc = 0, pr = 0, recall = 0, precision = curve.front().precision, fpr = 0;
    for (const CurvePoint& point : curve) {
        CHECK(point.recall >= recall);
        CHECK(point.false_positive_rate >= fpr);
        roc += (point.false_positive_rate - fpr) * (point.recall + recall) / 2;
        pr += (point.recall - recall) * (point.precision + precision) / 2;
        recall = point.recall, precision = point.precision, fpr = point.false_positive_rate;
    }
    CHECK(std::fabs(roc - counts.metrics(0).roc_auc) <= 2e-3);
    CHECK(std::fabs(pr - counts.metrics(0).pr_auc_trapezoid) <= 5e-3);
}
