// In double precision. The usual logits take two exponentials a model and a logarithm; where one is so far
// out that an exponential would overflow, mean probability and mean complement are formed as logarithms.
#include "app/model/model_mean.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr double kFar = 300;  // exp() of it, and of many times as many models, is a number

double softplus(double x) {
    return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

double sigmoid(double x) {
    return 1 / (1 + std::exp(-x));
}

// Of values in double precision.
struct Moments {
    double mean = 0, spread = 0;
};

Moments moments_of(std::span<const double> values, bool spread) {
    Moments of;
    for (const double value : values) of.mean += value;
    of.mean /= static_cast<double>(values.size());
    if (!spread) return of;
    double squares = 0;
    for (const double value : values) squares += (value - of.mean) * (value - of.mean);
    of.spread = std::sqrt(squares / static_cast<double>(values.size() - 1));
    return of;
}

// log(sum of exp(value)), up to a constant of their number
double log_sum(std::span<const double> values) {
    const double largest = *std::ranges::max_element(values);
    double sum = 0;
    for (const double value : values) sum += std::exp(value - largest);
    return largest + std::log(sum);
}

double far_mean_logit(std::span<const double> logits, std::vector<double>& scratch) {
    const auto logs = [&](double sign) {
        scratch.assign(logits.begin(), logits.end());
        for (double& x : scratch) x = -softplus(sign * x);
        return log_sum(scratch);
    };
    const double of_probability = logs(-1);
    return of_probability - logs(1);
}

double mean_logit(std::span<const double> logits, std::vector<double>& scratch) {
    if (std::ranges::any_of(logits, [](double x) { return std::fabs(x) > kFar; }))
        return far_mean_logit(logits, scratch);
    double probability = 0, complement = 0;
    for (const double x : logits) {
        probability += sigmoid(x);
        complement += sigmoid(-x);
    }
    return std::log(probability / complement);
}

void check(ModelValues models, std::span<const float> mean, std::span<const float> spread) {
    require(models.size() > 1, ErrorKind::usage, "a mean of models: there is only one");
    for (const auto& values : models)
        require(values.size() == mean.size(), ErrorKind::usage, "a mean of models: rows differ in length");
    require(spread.empty() || spread.size() == mean.size(), ErrorKind::usage,
            "a mean of models: the spread has another length");
}

}  // namespace

void mean_of_models(ModelValues models, std::span<float> mean, std::span<float> spread) {
    check(models, mean, spread);
    std::vector<double> here(models.size());
    for (std::size_t i = 0; i < mean.size(); ++i) {
        for (std::size_t m = 0; m < models.size(); ++m) here[m] = static_cast<double>(models[m][i]);
        const Moments of = moments_of(here, !spread.empty());
        mean[i] = static_cast<float>(of.mean);
        if (!spread.empty()) spread[i] = static_cast<float>(of.spread);
    }
}

void mean_of_model_logits(ModelValues models, Task task, std::span<float> mean, std::span<float> spread) {
    check(models, mean, spread);
    const bool coverage = task == Task::coverage;
    std::vector<double> logits(models.size()), outputs(models.size()), scratch;
    for (std::size_t i = 0; i < mean.size(); ++i) {
        for (std::size_t m = 0; m < models.size(); ++m) {
            logits[m] = static_cast<double>(models[m][i]);
            outputs[m] = coverage ? softplus(logits[m]) : sigmoid(logits[m]);
        }
        Moments of = moments_of(outputs, !spread.empty());
        if (!std::ranges::all_of(logits, [](double x) { return std::isfinite(x); })) {
            mean[i] = std::numeric_limits<float>::quiet_NaN();
        } else if (std::ranges::all_of(logits, [&](double x) { return x == logits.front(); })) {
            mean[i] = models.front()[i];
            of.spread = 0;  // where a sum of equal outputs is rounded
        } else {
            mean[i] = static_cast<float>(coverage ? of.mean + std::log(-std::expm1(-of.mean))
                                                  : mean_logit(logits, scratch));
        }
        if (!spread.empty()) spread[i] = static_cast<float>(of.spread);
    }
}

}  // namespace regkit
