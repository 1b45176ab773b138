// Rows of markers, then a row a class. A class's mean curve is taken on a fixed grid of recall or false
// positive rate, where each marker's curve is interpolated: markers have different thresholds, so there is no
// common one to average at. What is not defined is NA.
#include "app/evaluate/metrics_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/text.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr int kCurvePoints = 300;
constexpr int kMeanPoints = 200;

std::string values_of(const MarkerMetrics& m) {
    if (!m.scored) return "NA\tNA\tNA\tNA";
    return number_text(m.roc_auc) + "\t" + number_text(m.average_precision) + "\t" +
           number_text(m.pr_auc_trapezoid) + "\t" + number_text(m.recall_at_fdr05);
}

std::string interval_text(const ConfidenceInterval& interval) {
    return number_text(interval.low) + "\t" + number_text(interval.high);
}

// What stands behind the ratio.
std::string more_of(const MarkerMetrics& m) {
    const Calibration& c = m.calibration;
    const SiteScores& s = m.sites;
    std::string text;
    for (const double value : {m.mcc, m.top_k_accuracy, c.slope, c.intercept, c.error, c.error_of_constant,
                               s.precision, s.recall, s.f1, s.called_length, s.label_length})
        text += (text.empty() ? "" : "\t") + (m.scored ? number_text(value) : "NA");
    for (const ConfidenceInterval& interval :
         {m.intervals.roc_auc, m.intervals.average_precision, m.intervals.mcc})
        text += "\t" + (m.scored ? interval_text(interval) : "NA\tNA");
    return text;
}

std::string ratio_of(const MarkerMetrics& m) {
    return m.scored ? number_text(m.average_precision / m.prevalence) : "NA";
}

std::string spread_of(const MarkerMetrics& m, const MoreFields& more) {
    if (!more.spread) return "";
    if (!m.scored) return "\tNA\tNA";
    return "\t" + number_text(m.spread.everywhere) + "\t" + number_text(m.spread.at_positives);
}

std::string class_text(const std::string& name) {
    return name.empty() ? "." : name;
}

// y of a polyline with ascending x, at `x`; its first y before it begins.
double value_at(const std::vector<std::pair<double, double>>& line, double x) {
    const auto after = std::lower_bound(line.begin(), line.end(), x,
                                        [](const auto& point, double at) { return point.first < at; });
    if (after == line.end()) return line.back().second;
    if (after == line.begin()) return after->second;
    const auto before = after - 1;
    const double run = after->first - before->first;
    return before->second + (after->second - before->second) * (run > 0 ? (x - before->first) / run : 1);
}

struct NamedCurve {
    const char* name;
    bool from_origin;  // or, below the first x, level: precision has no value where nothing is called
    double CurvePoint::*x;
    double CurvePoint::*y;
};
constexpr NamedCurve kCurves[] = {{"pr", false, &CurvePoint::recall, &CurvePoint::precision},
                                  {"roc", true, &CurvePoint::false_positive_rate, &CurvePoint::recall}};

// Sum over markers of y on a grid of x, for the mean of a class.
struct MeanCurve {
    std::vector<double> y = std::vector<double>(kMeanPoints + 1);
    int markers = 0;

    void add(const std::vector<CurvePoint>& curve, const NamedCurve& kind) {
        std::vector<std::pair<double, double>> line;
        if (kind.from_origin) line.emplace_back(0, 0);
        for (const CurvePoint& point : curve) line.emplace_back(point.*kind.x, point.*kind.y);
        for (int i = 0; i <= kMeanPoints; ++i)
            nth(y, i) += value_at(line, static_cast<double>(i) / kMeanPoints);
        ++markers;
    }
};

}  // namespace

std::string metrics_header(const std::string& more) {
    return "split\tmarker\tclass\troc_auc\taverage_precision\tpr_auc_trapezoid\trecall_at_"
           "fdr05\tprevalence\tpositives\tap_over_prevalence\tmcc\ttop_k_accuracy\tcalibration_slope\t"
           "calibration_intercept\tcalibration_error\tcalibration_error_of_constant\tsite_precision\t"
           "site_recall\tsite_f1\tsite_length\tlabel_length\t"
           "roc_auc_low\troc_auc_high\taverage_precision_low\taverage_precision_high\tmcc_low\tmcc_high" +
           more + "\n";
}

std::string metrics_rows(const std::string& split, const std::vector<Marker>& markers,
                         const std::vector<MarkerMetrics>& metrics, const std::vector<ClassMean>& classes,
                         const MoreFields& more) {
    std::string rows;
    for (std::size_t i = 0; i < markers.size(); ++i)
        rows += split + "\t" + markers[i].name + "\t" + class_text(markers[i].class_name) + "\t" +
                values_of(metrics[i]) + "\t" +
                (metrics[i].positions > 0 ? number_text(metrics[i].prevalence) : "NA") + "\t" +
                std::to_string(metrics[i].positives) + "\t" + ratio_of(metrics[i]) + "\t" +
                more_of(metrics[i]) + more.of_all +
                (more.of_markers.empty() ? std::string() : more.of_markers[i]) + spread_of(metrics[i], more) +
                "\n";
    const auto row = [&](const char* name, const ClassMean& c, const MarkerMetrics& m, double positives) {
        rows += split + "\t" + name + "\t" + class_text(c.class_name) + "\t" + values_of(m) + "\t" +
                (c.scored ? number_text(m.prevalence) + "\t" + number_text(positives) : "NA\tNA") + "\t" +
                ratio_of(m) + "\t" + more_of(m) + more.of_all + more.of_classes + spread_of(m, more) + "\n";
    };
    for (const ClassMean& c : classes) row("mean", c, c.mean, c.positives);
    for (const ClassMean& c : classes) row("median", c, c.median, c.median_positives);
    return rows;
}

std::string curves_table(const std::string& split, const std::vector<Marker>& markers,
                         const MarkerCounts& counts) {
    std::string table = "split\tmarker\tclass\tcurve\tthreshold\tx\ty\n";
    std::vector<std::string> classes;
    std::vector<MeanCurve> means;  // [class][curve]
    for (std::size_t i = 0; i < markers.size(); ++i) {
        const auto curve = counts.curve(static_cast<int>(i), kCurvePoints);
        if (curve.empty()) continue;
        const std::string& class_name = markers[i].class_name;
        const auto place =
            static_cast<std::size_t>(std::find(classes.begin(), classes.end(), class_name) - classes.begin());
        if (place == classes.size()) {
            classes.push_back(class_name);
            means.resize(means.size() + std::size(kCurves));
        }
        for (std::size_t k = 0; k < std::size(kCurves); ++k) {
            const NamedCurve& kind = kCurves[k];
            const std::string row =
                split + "\t" + markers[i].name + "\t" + class_text(class_name) + "\t" + kind.name + "\t";
            for (const CurvePoint& point : curve)
                table += row + number_text(point.threshold) + "\t" + number_text(point.*kind.x) + "\t" +
                         number_text(point.*kind.y) + "\n";
            means[place * std::size(kCurves) + k].add(curve, kind);
        }
    }
    for (std::size_t c = 0; c < classes.size(); ++c)
        for (std::size_t k = 0; k < std::size(kCurves); ++k) {
            const MeanCurve& mean = means[c * std::size(kCurves) + k];
            const std::string row =
                split + "\tmean\t" + class_text(classes[c]) + "\t" + kCurves[k].name + "\tNA\t";
            for (int i = 0; i <= kMeanPoints; ++i)
                table += row + number_text(static_cast<double>(i) / kMeanPoints) + "\t" +
                         number_text(nth(mean.y, i) / mean.markers) + "\n";
        }
    return table;
}

}  // namespace regkit
