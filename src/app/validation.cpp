#include "app/validation.hpp"

#include <cmath>

#include "app/coverage_metrics.hpp"

namespace regkit {
namespace {

class RankingValidator final : public Validator {
  public:
    RankingValidator(int markers, ThreadPool& pool) : counts_(markers, pool) {}
    void clear() override { counts_.clear(); }
    void add(std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
             std::span<const PeakRun> labels) override {
        counts_.add(logits, length, kept, labels);
    }
    Validation result(const std::vector<Marker>& markers) const override {
        const auto means = class_means(markers, counts_.all_metrics());
        Validation v{counts_.loss(), mean_average_precision(means), {}};
        for (const ClassMean& c : means)
            v.classes.push_back({c.class_name, c.scored > 0, c.mean.average_precision, c.mean.roc_auc});
        return v;
    }

  private:
    MarkerCounts counts_;
};

class CoverageValidator final : public Validator {
  public:
    CoverageValidator(int markers, ThreadPool& pool) : sums_(markers, pool) {}
    void clear() override { sums_.clear(); }
    void add(std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
             std::span<const PeakRun> labels) override {
        sums_.add(logits, length, kept, labels);
    }
    Validation result(const std::vector<Marker>& markers) const override {
        const auto means = class_means(markers, sums_.all_metrics());
        Validation v{sums_.loss(), mean_pearson(means), {}};
        for (const CoverageClassMean& c : means)
            v.classes.push_back({c.class_name, c.scored > 0, c.mean.pearson_r, c.mean.pearson_r_log1p});
        return v;
    }

  private:
    CoverageSums sums_;
};

}  // namespace

bool is_better(double metric, double best) {
    return std::isfinite(metric) ? !(metric <= best) : !std::isfinite(best);
}

MetricNames metric_names(Task task) {
    if (task == Task::coverage) return {"pearson_r", "pearson_r_log1p", "mean Pearson correlation"};
    return {"average_precision", "roc_auc", "mean average precision"};
}

std::unique_ptr<Validator> make_validator(Task task, int markers, ThreadPool& pool) {
    if (task == Task::coverage) return std::make_unique<CoverageValidator>(markers, pool);
    return std::make_unique<RankingValidator>(markers, pool);
}

}  // namespace regkit
