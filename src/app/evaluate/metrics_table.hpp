// Metrics and curves as TSV.
#pragma once

#include <string>
#include <vector>

#include "app/evaluate/metrics.hpp"

namespace regkit {

// split, marker, class, roc_auc, average_precision, pr_auc_trapezoid, recall_at_fdr05, prevalence, positives,
// ap_over_prevalence, mcc, top_k_accuracy, calibration_slope, calibration_intercept, calibration_error,
// calibration_error_of_constant, site_precision, site_recall, site_f1, site_length, label_length,
// roc_auc_low, roc_auc_high, average_precision_low, average_precision_high, mcc_low, mcc_high
// (RankingIntervals), and then `more`, names that begin with a tab each.
std::string metrics_header(const std::string& more);
// The columns that a table of an ensemble ends with: the mean spread of all positions and of the positive
// ones.
inline constexpr const char* kSpreadColumns = "\tspread\tspread_at_positives";
// The fields of those further columns, a tab before each.
struct MoreFields {
    std::string of_all = {};                   // of every row
    std::vector<std::string> of_markers = {};  // behind them, of each marker; or none
    std::string of_classes = {};               // in their place in the rows of classes
    bool spread = false;                       // behind all, those of kSpreadColumns
};
// A row a marker, then a row a class whose marker is "mean", then one whose marker is "median" (their
// ap_over_prevalence is the ratio of the two means or medians). NA where a marker is not scored (and where a
// class has none that is), and what is not defined, as the trapezoid of a constant.
std::string metrics_rows(const std::string& split, const std::vector<Marker>& markers,
                         const std::vector<MarkerMetrics>& metrics, const std::vector<ClassMean>& classes,
                         const MoreFields& more);

// split, marker, class, curve, threshold, x, y: curve "pr" has x = recall, y = precision; "roc" x = false
// positive rate, y = true positive rate; threshold is a logit. Each marker's thresholds, thinned; then for
// each class the mean y at fixed x, with threshold NA.
std::string curves_table(const std::string& split, const std::vector<Marker>& markers,
                         const MarkerCounts& counts);

}  // namespace regkit
