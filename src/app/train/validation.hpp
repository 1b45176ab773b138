// What validation during training measures: ranking metrics of presence, correlations of coverage.
#pragma once

#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/evaluate/metrics.hpp"
#include "base/log.hpp"
#include "base/marker.hpp"
#include "io/dataset/dataset.hpp"
#include "kernels/base/thread_pool.hpp"
#include "nn/spec.hpp"

namespace regkit {

// Of one class of markers; `metric` is what the best model is chosen by.
struct ClassScore {
    std::string class_name;
    bool scored = false;  // any of its markers was
    double metric = 0;
    double second = 0;
};
struct Validation {
    double loss = 0;
    double metric = 0;  // mean over the classes that are scored; NaN when none is
    std::vector<ClassScore> classes;
    // The same mean of what a random ranking has, the prevalence; NaN where the metric has no such value.
    double chance = std::numeric_limits<double>::quiet_NaN();
    // Markers that the model predicts a constant for; and others for which it is no better than one: average
    // precision no above the prevalence, Poisson loss no below that of the mean coverage.
    int constant = 0;
    int no_better = 0;
};
// Whether weights of this metric take the place of the best ones so far. One that is not finite (nothing
// could be scored) is better only than none (NaN) and than another such: the newest counts then.
bool is_better(double metric, double best);
// Names of columns, and of the metric in a sentence.
struct MetricNames {
    std::string metric, second, words;
    bool has_chance = false;  // Validation::chance
};
MetricNames metric_names(Task task);

// Tells what came of a validation, and warns of what the model has not learnt. `better`: than all before.
void tell_validation(const Validation& result, Task task, int markers, double epoch, bool better, Log& log);

class Validator {
  public:
    virtual ~Validator() = default;
    virtual void clear() = 0;
    // As MarkerCounts::add.
    virtual void add(std::span<const float> logits, std::int64_t length, std::span<const KeptRun> kept,
                     std::span<const LabelRun> labels) = 0;
    virtual Validation result(const std::vector<Marker>& markers) const = 0;
};
std::unique_ptr<Validator> make_validator(Task task, int markers, ThreadPool& pool);

}  // namespace regkit
