// Two small adapters give presence and coverage one face for the trainer: counts go in, and a loss, a metric
// to choose the best model by, and its values for each class come out. Beside it the sentences about a
// validation, which warn of markers that a constant would predict as well.
#include "app/train/validation.hpp"

#include <cmath>
#include <cstdio>
#include <string>

#include "app/evaluate/coverage_metrics.hpp"

namespace regkit {
namespace {

// `Counts` adds up what predictions and labels have in common; a kind of task says what follows from it.
template <typename Counts>
class CountingValidator : public Validator {
  public:
    CountingValidator(int markers, ThreadPool& pool) : counts_(markers, pool) {}
    void clear() override { counts_.clear(); }
    void add(std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
             std::span<const LabelRun> labels) override {
        counts_.add(logits, length, kept, labels);
    }

  protected:
    Counts counts_;
};

class RankingValidator final : public CountingValidator<MarkerCounts> {
  public:
    using CountingValidator::CountingValidator;
    Validation result(const std::vector<Marker>& markers) const override {
        const auto metrics = counts_.all_metrics();
        const auto means = class_means(markers, metrics);
        Validation v{counts_.loss(), mean_average_precision(means), {}, mean_prevalence(means)};
        for (const ClassMean& c : means)
            v.classes.push_back({c.class_name, c.scored > 0, c.mean.average_precision, c.mean.roc_auc});
        for (const MarkerMetrics& m : metrics) {
            v.constant += m.constant;
            v.no_better += m.scored && !m.constant && !(m.average_precision > m.prevalence);
        }
        return v;
    }
};

class CoverageValidator final : public CountingValidator<CoverageSums> {
  public:
    using CountingValidator::CountingValidator;
    Validation result(const std::vector<Marker>& markers) const override {
        const auto metrics = counts_.all_metrics();
        const auto means = class_means(markers, metrics);
        Validation v{counts_.loss(), mean_pearson(means), {}};
        for (const CoverageClassMean& c : means)
            v.classes.push_back({c.class_name, c.scored > 0, c.mean.pearson_r, c.mean.pearson_r_log1p});
        for (const CoverageMetrics& m : metrics) {
            v.constant += m.constant;
            v.no_better += !m.constant && m.loss_of_constant;
        }
        return v;
    }
};

}  // namespace

bool is_better(double metric, double best) {
    return std::isfinite(metric) ? !(metric <= best) : !std::isfinite(best);
}

MetricNames metric_names(Task task) {
    if (task == Task::coverage) return {"pearson_r", "pearson_r_log1p", "mean Pearson correlation", false};
    return {"average_precision", "roc_auc", "mean average precision", true};
}

void tell_validation(const Validation& result, Task task, int markers, double epoch, bool better, Log& log) {
    const MetricNames names = metric_names(task);
    char when[32], value[32];
    std::snprintf(when, sizeof when, "epoch %.2f: ", epoch);
    std::snprintf(value, sizeof value, "%.4f", result.metric);
    const std::string text =
        names.has_chance ? precision_text(result.metric, "mean prevalence", result.chance) : value;
    log.info(when + (std::isfinite(result.metric)
                         ? names.words + " " + text + (better ? " (best so far)" : "")
                         : "no " + names.words + ", no marker can be scored"));
    const std::string of = " of " + std::to_string(markers) + " markers";
    if (result.constant > 0)
        log.warn("constant-prediction",
                 when + ("the model predicts a constant for " + std::to_string(result.constant)) + of +
                     ": it has learnt nothing about them yet");
    if (result.no_better > 0)
        log.warn("no-better-than-constant",
                 when +
                     std::string(names.has_chance ? "average precision is no higher than the prevalence for "
                                                  : "the loss is no lower than that of a constant for ") +
                     std::to_string(result.no_better) + of);
}

std::unique_ptr<Validator> make_validator(Task task, int markers, ThreadPool& pool) {
    if (task == Task::coverage) return std::make_unique<CoverageValidator>(markers, pool);
    return std::make_unique<RankingValidator>(markers, pool);
}

}  // namespace regkit
