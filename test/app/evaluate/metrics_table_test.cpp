#include "app/evaluate/metrics_table.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

using namespace regkit;

namespace {

std::vector<std::vector<std::string>> rows_of(const std::string& table) {
    std::vector<std::vector<std::string>> rows;
    std::istringstream lines(table);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields(line);
        rows.emplace_back();
        for (std::string field; std::getline(fields, field, '\t');) rows.back().push_back(field);
    }
    return rows;
}

const std::vector<Marker> kMarkers{{"a", "X", "", "", 0}, {"b", "X", "", "", 0}, {"c", "", "", "", 0}};

}  // namespace

TEST_CASE("metrics table: its columns, NA, and the means of the classes") {
    std::vector<MarkerMetrics> metrics(3);
    metrics[0] = {10,
                  2,
                  0.2,
                  true,
                  0.75,
                  0.5,
                  0.25,
                  0.125,
                  false,
                  0.375,
                  0.5,
                  {0.9, -0.1, 0.01, 0.03},
                  {0.25, 0.5, 0.375, 200, 250},
                  {{0.7, 0.8}, {0.4, 0.6}, {}}};
    metrics[1] = {10, 0, 0, false, 0, 0, 0, 0};
    metrics[2] = {10, 10, 1, false, 0, 0, 0, 0};
    CHECK(
        metrics_header("") + metrics_rows("test", kMarkers, metrics, class_means(kMarkers, metrics), {}) ==
        "split\tmarker\tclass\troc_auc\taverage_precision\tpr_auc_trapezoid\trecall_at_"
        "fdr05\tprevalence\tpositives\tap_over_prevalence\tmcc\ttop_k_accuracy\tcalibration_slope\tcalibration_intercept\t"
        "calibration_error\tcalibration_error_of_constant\tsite_precision\tsite_recall\tsite_f1\tsite_length\tlabel_length\t"
        "roc_auc_low\troc_auc_high\taverage_precision_low\taverage_precision_high\tmcc_low\tmcc_high\n"
        "test\ta\tX\t0.75\t0.5\t0.25\t0.125\t0.2\t2\t2.5\t0.375\t0.5\t0.9\t-0.1\t0.01\t0.03\t0.25\t0.5\t0.375\t200\t250\t0.7\t0.8\t0.4\t0.6\tNA\tNA\n"
        "test\tb\tX\tNA\tNA\tNA\tNA\t0\t0\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n"
        "test\tc\t.\tNA\tNA\tNA\tNA\t1\t10\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n"
        "test\tmean\tX\t0.75\t0.5\t0.25\t0.125\t0.2\t2\t2.5\t0.375\t0.5\t0.9\t-0.1\t0.01\t0.03\t0.25\t0.5\t0.375\t200\t250\tNA\tNA\tNA\tNA\tNA\tNA\n"
        "test\tmean\t.\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n"
        "test\tmedian\tX\t0.75\t0.5\t0.25\t0.125\t0.2\t2\t2.5\t0.375\t0.5\t0.9\t-0.1\t0.01\t0.03\t0.25\t0.5\t0.375\t200\t250\tNA\tNA\tNA\tNA\tNA\tNA\n"
        "test\tmedian\t.\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n");
    metrics[0] = {10, 2, 0.2, true, 0.5, 0.2, std::nan(""), 0, true};
    CHECK(
        metrics_rows("test", {kMarkers[0]}, {metrics[0]}, class_means({kMarkers[0]}, {metrics[0]}), {})
            .ends_with(
                "test\tmedian\tX\t0.5\t0.2\tNA\t0\t0.2\t2\t1\t0\t0\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n"));
}

TEST_CASE("metrics table: further columns are the last ones, and no position is no prevalence") {
    const std::vector<MarkerMetrics> metrics(3);
    const std::string header = metrics_header("\tannotation\tdetail");
    CHECK(rows_of(header)[0].size() == 29);
    CHECK(header.ends_with("\tmcc_high\tannotation\tdetail\n"));
    const auto rows = rows_of(metrics_rows("test", kMarkers, metrics, class_means(kMarkers, metrics),
                                           {"\tp", {"\tx", "\ty", "\tz"}, "\t."}));
    REQUIRE(rows.size() == 7);
    const std::vector<std::string> details{"x", "y", "z", ".", ".", ".", "."};
    for (std::size_t i = 0; i < rows.size(); ++i) {
        REQUIRE(rows[i].size() == 29);
        CHECK(rows[i][27] == "p");
        CHECK(rows[i][28] == details[i]);
        CHECK(rows[i][7] == "NA");
    }
}

TEST_CASE(
    "metrics table: an ensemble's spread stands behind all, and its class has the mean and the median") {
    std::vector<MarkerMetrics> metrics(3);
    for (std::size_t i = 0; i < 2; ++i) metrics[i].scored = true;
    metrics[0].spread = {0.125, 0.25};
    metrics[1].spread = {0.375, ModelSpread::kNone};
    metrics[2].spread = {0.5, 0.5};  // it is not scored
    const std::string header = metrics_header(std::string("\tannotation") + kSpreadColumns);
    CHECK(header.ends_with("\tmcc_high\tannotation\tspread\tspread_at_positives\n"));
    const auto rows = rows_of(metrics_rows("test", kMarkers, metrics, class_means(kMarkers, metrics),
                                           {.of_all = "\tp", .spread = true}));
    const std::vector<std::vector<std::string>> expected{{"0.125", "0.25"}, {"0.375", "NA"}, {"NA", "NA"},
                                                         {"0.25", "0.25"},  {"NA", "NA"},    {"0.25", "0.25"},
                                                         {"NA", "NA"}};
    REQUIRE(rows.size() == expected.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        REQUIRE(rows[i].size() == 30);
        CHECK(rows[i][27] == "p");
        CHECK(std::vector<std::string>(rows[i].end() - 2, rows[i].end()) == expected[i]);
    }
}

TEST_CASE("the mean spread is that of positions that count, and of those with a label") {
    ThreadPool pool(2);
    SpreadSums sums(3, pool);
    const std::vector<float> spreads{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    const std::vector<KeptRun> kept{{0, 1}, {2, 4}};
    const std::vector<LabelRun> labels{{0, 0, 3}, {1, 1, 2}, {1, 3, 4}};
    for (int twice = 0; twice < 2; ++twice) sums.add(spreads, 4, kept, labels);
    CHECK(sums.of(0).everywhere == doctest::Approx(8.0 / 3));
    CHECK(sums.of(0).at_positives == 2);  // of 1 and 3
    CHECK(sums.of(1).everywhere == doctest::Approx(20.0 / 3));
    CHECK(sums.of(1).at_positives == 8);
    CHECK(std::isnan(sums.of(2).at_positives));
    CHECK(std::isnan(SpreadSums(1, pool).of(0).everywhere));
}

TEST_CASE("metrics table: curves of markers and the mean of their class") {
    ThreadPool pool(1);
    MarkerCounts counts(3, pool);
    const std::vector<float> logits{4, 3, 2, 1, 4, 3, 2, 1, 0, 0, 0, 0};
    const KeptRun all{0, 4};
    counts.add(logits, 4, {&all, 1}, std::vector<LabelRun>{{0, 0, 1}, {0, 2, 3}, {1, 0, 2}});
    const auto rows = rows_of(curves_table("valid", kMarkers, counts));
    REQUIRE(rows.size() > 400);
    CHECK(rows[0] == std::vector<std::string>{"split", "marker", "class", "curve", "threshold", "x", "y"});
    CHECK(rows[1] == std::vector<std::string>{"valid", "a", "X", "pr", "4", "0.5", "1"});
    CHECK(rows[3] == std::vector<std::string>{"valid", "a", "X", "pr", "2", "1", "0.666667"});
    int means = 0;
    for (const auto& row : rows) {
        REQUIRE(row.size() == 7);
        CHECK(row[1] != "c");  // not scored
        if (row[1] != "mean") continue;
        ++means;
        CHECK(row[2] == "X");
        CHECK(row[4] == "NA");
        if (row[3] == "roc" && row[5] == "1") CHECK(row[6] == "1");
        if (row[3] == "pr" && row[5] == "0.5") CHECK(row[6] == "1");
    }
    CHECK(means == 2 * 201);
}
