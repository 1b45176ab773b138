// What lies inside of an annotation is counted beside everything, from the same cells of the grid of logits:
// an annotation costs its own positions again, and no second prediction.
#include "app/evaluate/measure.hpp"

#include <cmath>
#include <cstdio>
#include <deque>
#include <optional>

#include "app/evaluate/block_bootstrap.hpp"
#include "app/evaluate/calibrate.hpp"
#include "app/evaluate/coverage_metrics.hpp"
#include "base/text.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::int64_t kCountBytes = std::int64_t{2} << 30;
constexpr std::int64_t kMarkerBytes = std::int64_t{8} * kLogitBins;

std::string rounded(const char* format, double a, double b = 0, double c = 0) {
    char text[160];
    std::snprintf(text, sizeof text, format, a, b, c);
    return text;
}

SiteScores scores_of(const SiteMetrics& m) {
    const auto share = [](std::int64_t part, std::int64_t all) {
        return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : SiteScores::kNone;
    };
    return {share(m.matched, m.calls), share(m.matched, m.labels), share(2 * m.matched, m.calls + m.labels),
            m.called_length, m.label_length};
}

// "; 95 % intervals 0.0121-0.0166 and 0.5831-0.6102"; "" where there are none.
std::string intervals_text(const RankingIntervals& of) {
    if (std::isnan(of.average_precision.low) || std::isnan(of.roc_auc.low)) return "";
    return rounded("; 95 %% intervals %.4f-%.4f", of.average_precision.low, of.average_precision.high) +
           rounded(" and %.4f-%.4f", of.roc_auc.low, of.roc_auc.high);
}

// Means, but of lengths the medians; "" of a model without calls.
std::string class_sites_text(const ClassMean& c) {
    if (std::isnan(c.mean.sites.f1)) return "";
    SiteScores sites = c.mean.sites;
    sites.called_length = c.median.sites.called_length;
    sites.label_length = c.median.sites.label_length;
    return sites_text("mean F1", sites);
}

// "TFBS 0.1234 (prevalence 0.0121), DNase NA".
template <typename Class, typename Text>
std::string by_class(const std::vector<Class>& classes, const Text& text) {
    std::string all;
    for (const Class& c : classes)
        all += (all.empty() ? "" : ", ") + (c.class_name.empty() ? "no class" : c.class_name) + " " +
               (c.scored > 0 ? text(c) : "NA");
    return all;
}

// The positions of one part of a split: all, or those inside of an annotation.
struct PresencePart {
    const Annotation* annotation;  // none: everything
    MarkerCounts counts;
    std::optional<BlockBootstrap> bootstrap;
    SpreadSums spread;
    std::vector<KeptRun> kept;  // of the batch

    PresencePart(const Annotation* of, int markers, ThreadPool& pool)
        : annotation(of), counts(markers, pool), spread(markers, pool) {}

    void begin_batch(std::span<const KeptRun> all, std::span<const RowPlace> places, std::int64_t bin) {
        if (annotation)
            positions_inside(all, places, bin, annotation->regions, kept);
        else
            kept.assign(all.begin(), all.end());
        if (bootstrap) bootstrap->begin_batch(kept, places, bin);
    }
};

struct PartMetrics {
    std::vector<MarkerMetrics> markers;
    std::vector<ClassMean> classes;
};

PartMetrics metrics_of(PresencePart& part, const MeasuredSplit& of, const Predictions& predictions) {
    PartMetrics result{part.counts.all_metrics(), {}};
    for (std::size_t i = 0; i < predictions.missing.size(); ++i)
        if (predictions.missing[i]) result.markers[i].scored = result.markers[i].constant = false;
    if (predictions.calibrated) part.counts.add_calibration(result.markers, predictions.calls);
    // A site may lie across an annotation's border, and its label beyond it: sites are those of everything.
    if (!part.annotation)
        for (std::size_t i = 0; i < predictions.sites.size(); ++i)
            result.markers[i].sites = scores_of(predictions.sites[i]);
    for (std::size_t i = 0; i < result.markers.size(); ++i)
        result.markers[i].spread = part.spread.of(static_cast<int>(i));
    result.classes = class_means(of.markers, result.markers);
    if (part.bootstrap) part.bootstrap->add_intervals(of.markers, result.markers, result.classes);
    return result;
}

std::string annotation_field(const MeasuredSplit& of, const Annotation* annotation) {
    if (!of.annotations) return "";
    return "\t" + (annotation ? annotation->name : std::string(kEverything));
}

// By number, the first being everything.
const Annotation* annotation_of(const MeasuredSplit& of, std::size_t part) {
    return part > 0 ? &(*of.annotations)[part - 1] : nullptr;
}

// Of an ensemble, behind the logits.
std::span<const float> spreads_behind(std::span<const float> logits, int markers, std::int64_t length) {
    return logits.subspan(static_cast<std::size_t>(markers * length));
}

std::size_t parts_of(const MeasuredSplit& of) {
    return of.annotations ? of.annotations->size() + 1 : 1;
}

}  // namespace

std::string measured_header(bool coverage, bool annotated, bool spread, const std::string& more) {
    const std::string all = (annotated ? "\tannotation" : "") + more;
    if (coverage) return coverage_header(all + (spread ? "\tspread" : ""));
    return metrics_header(all + (spread ? kSpreadColumns : ""));
}

Measured measure_presence(const MeasuredSplit& of, const Predictions& predictions, bool curves,
                          const CountAll& count_all) {
    const int markers = static_cast<int>(of.markers.size());
    const auto sets = static_cast<int>(parts_of(of));
    require(sets == 1 || sets * std::int64_t{markers} * kMarkerBytes <= kCountBytes, ErrorKind::usage,
            "--by: " + counted(sets - 1, "annotation") + " of " + counted(markers, "marker") +
                " would need more than " + std::to_string(kCountBytes >> 20) +
                " MiB; choose markers with -k, or give fewer annotations");
    std::optional<BlockSamples> samples;
    if (of.bootstrap > 0) samples.emplace(blocks_of(of.dataset, of.windows), of.bootstrap, of.seed);
    std::deque<PresencePart> parts;
    for (int i = 0; i < sets; ++i) {
        PresencePart& part =
            parts.emplace_back(annotation_of(of, static_cast<std::size_t>(i)), markers, of.pool);
        if (samples && i == 0) part.bootstrap.emplace(markers, *samples, sets, of.pool);
        if (samples && i > 0) part.bootstrap.emplace(parts.front().bootstrap->of_some());
    }
    PresencePart& everything = parts.front();
    count_all([&](std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
                  std::span<const LabelRun> labels, std::span<const RowPlace> places) {
        for (PresencePart& part : parts) {
            part.begin_batch(kept, places, of.dataset.layout().bin);
            if (&part != &everything) part.counts.begin_batch(length);
        }
        everything.counts.add(logits, length, kept, labels, [&](const BinnedRow& row) {
            for (PresencePart& part : parts) {
                if (part.kept.empty()) continue;
                if (&part != &everything) part.counts.count(row, part.kept);
                if (part.bootstrap) part.bootstrap->count(row);
            }
        });
        if (predictions.spread)
            for (PresencePart& part : parts)
                part.spread.add(spreads_behind(logits, markers, length), length, part.kept, labels);
    });
    Measured m;
    m.unscored = "no positives or no negatives";
    m.constant = "; pr_auc_trapezoid is NA";
    for (PresencePart& part : parts) {
        PartMetrics metrics = metrics_of(part, of, predictions);
        MoreFields fields = predictions.fields;
        fields.spread = of.spread;
        fields.of_all = annotation_field(of, part.annotation) + fields.of_all;
        m.rows += metrics_rows(of.split, of.markers, metrics.markers, metrics.classes, fields);
        if (part.annotation) {
            m.annotations.push_back({part.annotation->name, metrics.markers.front().positions,
                                     by_class(metrics.classes, [](const ClassMean& c) {
                                         return rounded("%.4f", c.mean.average_precision) +
                                                rounded(" (prevalence %.4g)", c.mean.prevalence);
                                     })});
            continue;
        }
        m.positions = metrics.markers.front().positions;
        m.means = by_class(metrics.classes,
                           [](const ClassMean& c) { return rounded("%.4f", c.mean.average_precision); });
        for (const ClassMean& c : metrics.classes)
            m.classes.push_back(
                {c.class_name, c.markers, c.scored, c.constant, class_sites_text(c),
                 c.scored == 0
                     ? ""
                     : "mean average precision " +
                           precision_text(c.mean.average_precision, "mean prevalence", c.mean.prevalence) +
                           rounded(", ROC AUC %.4f", c.mean.roc_auc) + intervals_text(c.mean.intervals)});
        m.metrics = std::move(metrics.markers);
    }
    m.loss = everything.counts.loss();
    if (curves) m.curves = curves_table(of.split, of.markers, everything.counts);
    return m;
}

Measured measure_coverage(const MeasuredSplit& of, const CountAll& count_all) {
    const int markers = static_cast<int>(of.markers.size());
    CoverageSums everything(markers, of.pool);
    std::vector<CoverageSums> inside(parts_of(of) - 1, everything);
    std::vector<SpreadSums> spreads(parts_of(of), SpreadSums(markers, of.pool));
    std::vector<KeptRun> part;
    const auto metrics_of = [&](const CoverageSums& sums, std::size_t number) {
        std::vector<CoverageMetrics> metrics = sums.all_metrics();
        for (std::size_t i = 0; i < metrics.size(); ++i)
            metrics[i].spread = spreads[number].of(static_cast<int>(i)).everywhere;
        return metrics;
    };
    count_all([&](std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
                  std::span<const LabelRun> labels, std::span<const RowPlace> places) {
        everything.add(logits, length, kept, labels);
        const auto add_spread = [&](std::size_t number, std::span<const KeptRun> here) {
            if (of.spread) spreads[number].add(spreads_behind(logits, markers, length), length, here, labels);
        };
        add_spread(0, kept);
        for (std::size_t i = 0; i < inside.size(); ++i) {
            positions_inside(kept, places, of.dataset.layout().bin, annotation_of(of, i + 1)->regions, part);
            if (!part.empty()) inside[i].add(logits, length, part, labels);
            add_spread(i + 1, part);
        }
    });
    const std::vector<CoverageMetrics> metrics = metrics_of(everything, 0);
    Measured m;
    m.positions = metrics.front().bins;
    m.loss = everything.loss();
    m.unscored = "the same coverage or prediction everywhere";
    for (const CoverageClassMean& c : class_means(of.markers, metrics))
        m.classes.push_back({c.class_name, c.markers, c.scored, c.constant, "",
                             c.scored == 0
                                 ? ""
                                 : rounded("Pearson correlation %.4f, of log(1 + x) %.4f, Poisson loss %.4f",
                                           c.mean.pearson_r, c.mean.pearson_r_log1p, c.mean.poisson_loss)});
    m.rows = coverage_rows(of.split, of.markers, metrics, annotation_field(of, nullptr), of.spread);
    for (std::size_t i = 0; i < inside.size(); ++i) {
        const Annotation& annotation = *annotation_of(of, i + 1);
        const std::vector<CoverageMetrics> here = metrics_of(inside[i], i + 1);
        m.rows += coverage_rows(of.split, of.markers, here, annotation_field(of, &annotation), of.spread);
        m.annotations.push_back({annotation.name, here.front().bins,
                                 by_class(class_means(of.markers, here), [](const CoverageClassMean& c) {
                                     return rounded("%.4f", c.mean.pearson_r);
                                 })});
    }
    return m;
}

}  // namespace regkit
