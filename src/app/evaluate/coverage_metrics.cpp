// Each marker's row of logits is turned into rates and put beside its labels, and sums for the loss and both
// correlations go on, value by value; markers are independent, so workers take one each. For very low logits
// the logarithm of the rate is the logit itself. The table gives a row a marker and means and medians of the
// classes.
#include "app/evaluate/coverage_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <type_traits>

#include "app/evaluate/class_values.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// Below this softplus(z) is e^z to the last bit of a double.
constexpr double kLogLinear = -40;

double log_rate(double z) {
    return z < kLogLinear ? z : std::log(softplus(z));
}

std::string row(const std::string& split, const std::string& marker, const std::string& class_name,
                const CoverageMetrics& m, const std::string& more) {
    const std::string correlations =
        m.scored ? number_text(m.pearson_r) + "\t" + number_text(m.pearson_r_log1p) : std::string("NA\tNA");
    const std::string of_bins =
        m.bins > 0 ? number_text(m.poisson_loss) + "\t" + number_text(m.mean_coverage) : "NA\tNA";
    return split + "\t" + marker + "\t" + (class_name.empty() ? "." : class_name) + "\t" + correlations +
           "\t" + of_bins + "\t" + std::to_string(m.bins) + more + "\n";
}

}  // namespace

void CoverageSums::Moments::add(double x, double y, double n) {
    const double dx = x - mean_x, dy = y - mean_y;
    mean_x += dx / n;
    mean_y += dy / n;
    xx += dx * (x - mean_x);
    yy += dy * (y - mean_y);
    xy += dx * (y - mean_y);
}

double CoverageSums::Moments::correlation() const {
    return std::clamp(xy / std::sqrt(xx) / std::sqrt(yy), -1.0, 1.0);
}

CoverageSums::CoverageSums(int markers, ThreadPool& pool)
    : sums_(static_cast<std::size_t>(markers)),
      pool_(&pool),
      coverage_(static_cast<std::size_t>(pool.workers())) {}

void CoverageSums::clear() {
    std::fill(sums_.begin(), sums_.end(), Sums{});
}

void CoverageSums::add(std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
                       std::span<const LabelRun> labels) {
    pool_->run(static_cast<std::int64_t>(sums_.size()), [&](std::int64_t marker, int worker) {
        auto& coverage = nth(coverage_, worker);
        coverage.assign(static_cast<std::size_t>(length), 0.0f);
        const auto less = [](const LabelRun& run, std::int64_t m) { return run.marker < m; };
        auto label = std::lower_bound(labels.begin(), labels.end(), marker, less);
        for (; label != labels.end() && label->marker == marker; ++label)
            std::fill(coverage.begin() + label->begin, coverage.begin() + label->end, label->value);
        Sums& s = nth(sums_, marker);
        const float* row = logits.data() + marker * length;
        for (const KeptRun& run : kept)
            for (std::int32_t i = run.begin; i < run.end; ++i) {
                const auto z = static_cast<double>(row[i]);
                require(std::isfinite(z), ErrorKind::diverged,
                        "the model's output for marker " + std::to_string(marker + 1) + " is not finite");
                const auto y = static_cast<double>(nth(coverage, i));
                const double rate = softplus(z);
                const auto n = static_cast<double>(++s.bins);
                s.loss += rate - y * log_rate(z);
                s.plain.add(rate, y, n);
                s.logs.add(std::log1p(rate), std::log1p(y), n);
            }
    });
}

std::vector<CoverageMetrics> CoverageSums::all_metrics() const {
    std::vector<CoverageMetrics> all;
    for (const Sums& s : sums_) {
        CoverageMetrics& m = all.emplace_back();
        m.bins = s.bins;
        if (s.bins == 0) continue;
        m.mean_coverage = s.plain.mean_y;
        m.poisson_loss = s.loss / static_cast<double>(s.bins);
        const double best =
            m.mean_coverage > 0 ? m.mean_coverage - m.mean_coverage * std::log(m.mean_coverage) : 0;
        m.loss_of_constant = !(m.poisson_loss < best);
        m.constant = s.plain.constant(static_cast<double>(s.bins));
        m.scored = !m.constant && s.plain.varies() && s.logs.varies();
        if (!m.scored) continue;
        m.pearson_r = s.plain.correlation();
        m.pearson_r_log1p = s.logs.correlation();
    }
    return all;
}

double CoverageSums::loss() const {
    double sum = 0, bins = 0;
    for (const Sums& s : sums_) {
        sum += s.loss;
        bins += static_cast<double>(s.bins);
    }
    return sum / bins;
}

std::vector<CoverageClassMean> class_means(const std::vector<Marker>& markers,
                                           const std::vector<CoverageMetrics>& metrics) {
    std::vector<CoverageClassMean> means;
    for (const MarkerClass& of : classes_of(markers)) {
        CoverageClassMean& c = means.emplace_back();
        c.class_name = of.name;
        c.markers = static_cast<int>(of.markers.size());
        for (const std::size_t marker : of.markers) {
            c.constant += metrics[marker].constant;
            c.scored += metrics[marker].scored;
        }
        c.mean.scored = c.median.scored = c.scored > 0;
        const auto summarise = [&](auto CoverageMetrics::*value, bool only_scored) {
            std::vector<double> values;
            for (const std::size_t marker : of.markers)
                if ((metrics[marker].scored || !only_scored) &&
                    !std::isnan(static_cast<double>(metrics[marker].*value)))
                    values.push_back(static_cast<double>(metrics[marker].*value));
            using Value = std::remove_reference_t<decltype(c.mean.*value)>;
            c.mean.*value = static_cast<Value>(mean_of(values));
            c.median.*value = static_cast<Value>(median_of(values));
        };
        summarise(&CoverageMetrics::bins, false);
        summarise(&CoverageMetrics::mean_coverage, false);
        summarise(&CoverageMetrics::poisson_loss, false);
        summarise(&CoverageMetrics::spread, false);
        if (c.scored == 0) continue;
        summarise(&CoverageMetrics::pearson_r, true);
        summarise(&CoverageMetrics::pearson_r_log1p, true);
    }
    return means;
}

double mean_pearson(const std::vector<CoverageClassMean>& means) {
    double sum = 0;
    int classes = 0;
    for (const CoverageClassMean& c : means) {
        if (c.scored == 0) continue;
        sum += c.mean.pearson_r;
        ++classes;
    }
    return classes > 0 ? sum / classes : std::numeric_limits<double>::quiet_NaN();
}

std::string coverage_header(const std::string& more) {
    return "split\tmarker\tclass\tpearson_r\tpearson_r_log1p\tpoisson_loss\tmean_coverage\tbins" + more +
           "\n";
}

std::string coverage_rows(const std::string& split, const std::vector<Marker>& markers,
                          const std::vector<CoverageMetrics>& metrics, const std::string& more, bool spread) {
    const auto behind = [&](const CoverageMetrics& m) {
        return more + (spread ? "\t" + number_text(m.spread) : "");
    };
    std::string rows;
    for (std::size_t i = 0; i < markers.size(); ++i)
        rows += row(split, markers[i].name, markers[i].class_name, metrics[i], behind(metrics[i]));
    const std::vector<CoverageClassMean> classes = class_means(markers, metrics);
    for (const CoverageClassMean& c : classes)
        rows += row(split, "mean", c.class_name, c.mean, behind(c.mean));
    for (const CoverageClassMean& c : classes)
        rows += row(split, "median", c.class_name, c.median, behind(c.median));
    return rows;
}

}  // namespace regkit
