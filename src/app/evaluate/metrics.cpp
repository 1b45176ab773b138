// A logit's cell is a sum of clamped ramps, written as simple loops that become vector code, because counting
// waits for it. From the counts everything follows in one walk from the highest cell down: precision, recall,
// the areas under both curves and the points to draw them by. Counters of 32 bits are moved to wide ones
// before they can overflow.
#include "app/evaluate/metrics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>

#include "app/evaluate/class_values.hpp"
#include "app/model/calibrated.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

// The grid as a sum of clamped ramps: each is monotone, and so is their rounded sum. Nested intervals give
// slopes of 64, 256, 1024 and 4096 cells per unit of logit, from the outside in.
struct Ramp {
    float low, high, slope;
};
constexpr Ramp kRamps[] = {{-88, 90, 64}, {-24, 26, 192}, {-8, 10, 768}, {-4, 6, 3072}};
constexpr float kOffset = 64 * 88 + 192 * 24 + 768 * 8 + 3072 * 4;

// Cells of a row; false when a logit is not finite (its cell is then meaningless). Counting waits for this,
// so it goes in pieces, one simple loop after the other, each of which becomes vector code; as one loop none
// did.
bool fill_bins(const float* logits, std::int64_t length, std::uint16_t* bins) {
    constexpr std::int64_t kPiece = 256;
    float z[kPiece], sum[kPiece];
    std::uint32_t bad = 0;
    for (std::int64_t at = 0; at < length; at += kPiece) {
        const std::int64_t n = std::min(kPiece, length - at);
        for (std::int64_t i = 0; i < n; ++i) {
            const auto bits = std::bit_cast<std::uint32_t>(logits[at + i]);
            const std::uint32_t odd = (bits & 0x7F800000u) == 0x7F800000u ? 0xFFFFFFFFu : 0u;
            bad |= odd;
            z[i] = std::bit_cast<float>(bits & ~odd);
            sum[i] = kOffset;
        }
        for (const Ramp& ramp : kRamps)
            for (std::int64_t i = 0; i < n; ++i) {
                const float low = z[i] < ramp.low ? ramp.low : z[i];
                sum[i] += ramp.slope * (low > ramp.high ? ramp.high : low);
            }
        for (std::int64_t i = 0; i < n; ++i)
            bins[at + i] =
                static_cast<std::uint16_t>(std::min(static_cast<std::int32_t>(sum[i]), kLogitBins - 1));
    }
    return bad == 0;
}

std::span<const LabelRun> runs_of(std::span<const LabelRun> labels, int marker) {
    const auto less = [](const LabelRun& run, int m) { return run.marker < m; };
    const auto begin = std::lower_bound(labels.begin(), labels.end(), marker, less);
    return {begin, std::lower_bound(begin, labels.end(), marker + 1, less)};
}

// Running totals from the highest cell down.
struct Cumulative {
    std::uint64_t true_positives = 0, called = 0;

    double precision() const { return static_cast<double>(true_positives) / static_cast<double>(called); }
    std::uint64_t false_positives() const { return called - true_positives; }
};

// Of p positives and n negatives; 0 where all are called.
double matthews(const Cumulative& now, double p, double n) {
    const auto called = static_cast<double>(now.called), left = p + n - called;
    if (left <= 0) return 0;
    const double covariance = static_cast<double>(now.true_positives) * (p + n) - called * p;
    return covariance / std::sqrt(called * left) / std::sqrt(p * n);
}

}  // namespace

double softplus(double z) {
    return std::max(z, 0.0) + std::log1p(std::exp(-std::fabs(z)));
}

int logit_bin(float logit) {
    std::uint16_t bin = 0;
    fill_bins(&logit, 1, &bin);
    return bin;
}

double bin_logit(int bin) {
    double z = kRamps[0].low, first = 0;
    const double ends[] = {-24, -8, -4, 6, 10, 26, 90};
    const double slopes[] = {64, 256, 1024, 4096, 1024, 256, 64};
    for (int i = 0; i < 7; ++i) {
        const double cells = (ends[i] - z) * slopes[i];
        if (bin < first + cells) return z + (bin - first) / slopes[i];
        first += cells;
        z = ends[i];
    }
    return z;
}

MarkerCounts::MarkerCounts(int markers, ThreadPool& pool)
    : markers_(markers),
      pool_(&pool),
      counts_(static_cast<std::size_t>(markers) * 2 * kLogitBins),
      bins_(static_cast<std::size_t>(pool.workers())) {}

void MarkerCounts::clear() {
    std::fill(counts_.begin(), counts_.end(), 0u);
    wide_.clear();
    since_widening_ = 0;
}

void MarkerCounts::add(std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
                       std::span<const LabelRun> labels, const TakeRow& also) {
    begin_batch(length);
    pool_->run(markers_, [&](std::int64_t marker, int worker) {
        auto& bins = nth(bins_, worker);
        bins.resize(static_cast<std::size_t>(length));
        require(fill_bins(logits.data() + marker * length, length, bins.data()), ErrorKind::diverged,
                "the model's output for marker " + std::to_string(marker + 1) + " is not finite");
        const BinnedRow row{static_cast<int>(marker), bins, runs_of(labels, static_cast<int>(marker))};
        count(row, kept);
        if (also) also(row);
    });
}

void MarkerCounts::begin_batch(std::int64_t length) {
    if (since_widening_ + static_cast<std::uint64_t>(length) > limit_) widen();
    since_widening_ += static_cast<std::uint64_t>(length);
}

void MarkerCounts::count(const BinnedRow& row, std::span<const KeptRun> kept) {
    std::uint32_t* all = counts_.data() + static_cast<std::size_t>(row.marker) * 2 * kLogitBins;
    std::uint32_t* positive = all + kLogitBins;
    auto run = row.labels.begin();
    for (const KeptRun& keep : kept) {
        for (std::int32_t i = keep.begin; i < keep.end; ++i) ++all[nth(row.bins, i)];
        while (run != row.labels.end() && run->end <= keep.begin) ++run;
        for (auto r = run; r != row.labels.end() && r->begin < keep.end; ++r) {
            const std::int32_t end = std::min(r->end, keep.end);
            for (std::int32_t i = std::max(r->begin, keep.begin); i < end; ++i) ++positive[nth(row.bins, i)];
        }
    }
}

void MarkerCounts::widen() {
    wide_.resize(counts_.size());
    for (std::size_t i = 0; i < counts_.size(); ++i) wide_[i] += counts_[i];
    std::fill(counts_.begin(), counts_.end(), 0u);
    since_widening_ = 0;
}

std::uint64_t MarkerCounts::all(int marker, int bin) const {
    const std::size_t i = static_cast<std::size_t>(marker) * 2 * kLogitBins + static_cast<std::size_t>(bin);
    return counts_[i] + (wide_.empty() ? 0 : wide_[i]);
}

std::uint64_t MarkerCounts::positive(int marker, int bin) const {
    return all(marker, bin + kLogitBins);
}

MarkerMetrics MarkerCounts::metrics(int marker) const {
    MarkerMetrics m;
    std::uint64_t positions = 0, positives = 0;
    int lowest = kLogitBins, highest = -1;
    for (int bin = 0; bin < kLogitBins; ++bin) {
        const std::uint64_t here = all(marker, bin);
        if (here == 0) continue;
        lowest = std::min(lowest, bin);
        highest = bin;
        positions += here;
        positives += positive(marker, bin);
    }
    m.constant = positions > 0 && highest - lowest <= 1;
    const auto p = static_cast<double>(positives), n = static_cast<double>(positions - positives);
    m.positions = static_cast<std::int64_t>(positions);
    m.positives = static_cast<std::int64_t>(positives);
    m.prevalence = positions > 0 ? p / static_cast<double>(positions) : 0;
    m.scored = positives > 0 && positives < positions;
    if (!m.scored) return m;
    Cumulative now;
    double precision = 0;
    for (int bin = highest; bin >= lowest; --bin) {
        const std::uint64_t called = all(marker, bin);
        if (called == 0) continue;
        const Cumulative before = now;
        now.called += called;
        now.true_positives += positive(marker, bin);
        const double gained = static_cast<double>(now.true_positives - before.true_positives) / p;
        const double last_precision = bin == highest ? now.precision() : precision;
        precision = now.precision();
        m.average_precision += gained * precision;
        m.pr_auc_trapezoid += gained * (precision + last_precision) / 2;
        m.roc_auc += static_cast<double>(now.false_positives() - before.false_positives()) *
                     static_cast<double>(now.true_positives + before.true_positives) / 2;
        if (now.true_positives * 20 >= now.called * 19)
            m.recall_at_fdr05 = static_cast<double>(now.true_positives) / p;
        m.mcc = std::max(m.mcc, matthews(now, p, n));
        if (before.called < positives && now.called >= positives) {
            const auto left = static_cast<double>(positives - before.called);
            m.top_k_accuracy = (static_cast<double>(before.true_positives) +
                                left * static_cast<double>(now.true_positives - before.true_positives) /
                                    static_cast<double>(called)) /
                               p;
        }
    }
    m.roc_auc /= p * n;
    if (m.constant) m.pr_auc_trapezoid = std::numeric_limits<double>::quiet_NaN();
    return m;
}

std::vector<MarkerMetrics> MarkerCounts::all_metrics() const {
    std::vector<MarkerMetrics> result(static_cast<std::size_t>(markers_));
    pool_->run(markers_,
               [&](std::int64_t marker, int) { nth(result, marker) = metrics(static_cast<int>(marker)); });
    return result;
}

void MarkerCounts::each_cell(int marker, const std::function<void(const LogitCell&)>& take) const {
    for (int bin = 0; bin < kLogitBins; ++bin)
        if (const std::uint64_t here = all(marker, bin); here > 0)
            take({(bin_logit(bin) + bin_logit(bin + 1)) / 2, static_cast<double>(here),
                  static_cast<double>(positive(marker, bin))});
}

void MarkerCounts::add_calibration(std::vector<MarkerMetrics>& metrics,
                                   std::span<const MarkerCalls> calls) const {
    pool_->run(markers_, [&](std::int64_t marker, int) {
        MarkerMetrics& m = nth(metrics, marker);
        if (!m.scored) return;
        m.calibration = calibration_of([&](const std::function<void(const LogitCell&)>& take) {
            each_cell(static_cast<int>(marker), [&](const LogitCell& cell) {
                const double logit =
                    calls.empty() ? cell.logit : apply(nth(calls, marker).probability, cell.logit);
                take({logit, cell.positions, cell.positives});
            });
        });
        if (m.constant) m.calibration.slope = m.calibration.intercept = Calibration::kNone;
    });
}

double MarkerCounts::loss() const {
    std::vector<double> up(kLogitBins), down(kLogitBins);
    for (int bin = 0; bin < kLogitBins; ++bin) {
        const double z = (bin_logit(bin) + bin_logit(bin + 1)) / 2;
        nth(up, bin) = softplus(z);
        nth(down, bin) = softplus(-z);
    }
    std::vector<double> sums(static_cast<std::size_t>(markers_)), counts(sums);
    pool_->run(markers_, [&](std::int64_t marker, int) {
        double sum = 0, count = 0;
        for (int bin = 0; bin < kLogitBins; ++bin) {
            const auto called = static_cast<double>(all(static_cast<int>(marker), bin));
            const auto hits = static_cast<double>(positive(static_cast<int>(marker), bin));
            sum += hits * nth(down, bin) + (called - hits) * nth(up, bin);
            count += called;
        }
        nth(sums, marker) = sum;
        nth(counts, marker) = count;
    });
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) sum += sums[i], count += counts[i];
    return sum / count;
}

std::vector<CurvePoint> MarkerCounts::curve(int marker, int points) const {
    std::vector<CurvePoint> curve;
    const MarkerMetrics m = metrics(marker);
    if (!m.scored) return curve;
    const auto p = static_cast<double>(m.positives), n = static_cast<double>(m.positions - m.positives);
    const double step = 3.0 / points;  // recall, precision and false positive rate each run over a range of 1
    Cumulative now;
    CurvePoint point;
    double travelled = 1;  // the first point is kept
    for (int bin = kLogitBins - 1; bin >= 0; --bin) {
        const std::uint64_t called = all(marker, bin);
        if (called == 0) continue;
        const CurvePoint before = point;
        now.called += called;
        now.true_positives += positive(marker, bin);
        point = {bin_logit(bin), static_cast<double>(now.true_positives) / p, now.precision(),
                 static_cast<double>(now.false_positives()) / n};
        // Precision may zigzag without end at the top; only its net change since the last kept point counts.
        travelled += point.recall - before.recall + point.false_positive_rate - before.false_positive_rate;
        const double turned = curve.empty() ? 0 : std::fabs(point.precision - curve.back().precision);
        const bool last = now.called == static_cast<std::uint64_t>(m.positions);
        if (travelled + std::min(turned, step / 2) < step && !last) continue;
        curve.push_back(point);
        travelled = 0;
    }
    return curve;
}

namespace {

// The values that a class has a mean and a median of.
constexpr double MarkerMetrics::*kRankings[] = {
    &MarkerMetrics::prevalence,       &MarkerMetrics::roc_auc,         &MarkerMetrics::average_precision,
    &MarkerMetrics::pr_auc_trapezoid, &MarkerMetrics::recall_at_fdr05, &MarkerMetrics::mcc,
    &MarkerMetrics::top_k_accuracy};
constexpr double Calibration::*kCalibrations[] = {&Calibration::slope, &Calibration::intercept,
                                                  &Calibration::error, &Calibration::error_of_constant};

constexpr double SiteScores::*kSiteScores[] = {&SiteScores::precision, &SiteScores::recall, &SiteScores::f1,
                                               &SiteScores::called_length, &SiteScores::label_length};

constexpr double ModelSpread::*kSpreads[] = {&ModelSpread::everywhere, &ModelSpread::at_positives};

// value_of(metrics): one of their values, of each scored marker or of the mean and the median.
template <typename ValueOf>
void summarise(const std::vector<MarkerMetrics>& scored, ClassMean& c, const ValueOf& value_of) {
    std::vector<double> values;
    for (MarkerMetrics m : scored)
        if (!std::isnan(value_of(m))) values.push_back(value_of(m));
    value_of(c.mean) = mean_of(values);
    value_of(c.median) = median_of(values);
}

void summarise(const std::vector<MarkerMetrics>& scored, ClassMean& c) {
    std::vector<double> positives;
    for (const MarkerMetrics& m : scored) positives.push_back(static_cast<double>(m.positives));
    c.positives = mean_of(positives);
    c.median_positives = median_of(positives);
    for (const auto value : kRankings)
        summarise(scored, c, [&](MarkerMetrics& m) -> double& { return m.*value; });
    for (const auto value : kSiteScores)
        summarise(scored, c, [&](MarkerMetrics& m) -> double& { return m.sites.*value; });
    for (const auto value : kCalibrations)
        summarise(scored, c, [&](MarkerMetrics& m) -> double& { return m.calibration.*value; });
    for (const auto value : kSpreads)
        summarise(scored, c, [&](MarkerMetrics& m) -> double& { return m.spread.*value; });
}

}  // namespace

std::vector<ClassMean> class_means(const std::vector<Marker>& markers,
                                   const std::vector<MarkerMetrics>& metrics) {
    std::vector<ClassMean> means;
    for (const MarkerClass& of : classes_of(markers)) {
        ClassMean& c = means.emplace_back();
        c.class_name = of.name;
        c.markers = static_cast<int>(of.markers.size());
        std::vector<MarkerMetrics> scored;
        for (const std::size_t marker : of.markers) {
            c.constant += metrics[marker].constant;
            if (metrics[marker].scored) scored.push_back(metrics[marker]);
        }
        c.scored = static_cast<int>(scored.size());
        c.mean.scored = c.median.scored = c.scored > 0;
        c.mean.constant = c.median.constant = c.constant == c.markers;
        if (c.scored > 0) summarise(scored, c);
    }
    return means;
}

namespace {

double mean_over_classes(const std::vector<ClassMean>& means, double MarkerMetrics::*value) {
    double sum = 0;
    int classes = 0;
    for (const ClassMean& c : means) {
        if (c.scored == 0) continue;
        sum += c.mean.*value;
        ++classes;
    }
    return classes > 0 ? sum / classes : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

double mean_average_precision(const std::vector<ClassMean>& means) {
    return mean_over_classes(means, &MarkerMetrics::average_precision);
}

double mean_prevalence(const std::vector<ClassMean>& means) {
    return mean_over_classes(means, &MarkerMetrics::prevalence);
}

std::string precision_text(double average_precision, const char* what, double prevalence) {
    char text[120];
    std::snprintf(text, sizeof text, "%.4f, %.3g times the %s %.4g", average_precision,
                  average_precision / prevalence, what, prevalence);
    return text;
}

}  // namespace regkit
