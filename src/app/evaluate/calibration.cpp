// The regression is Newton's method on two parameters, from slope 0 and the odds of all positions, where no
// logit is so extreme that it weighs nothing, with halved steps where the likelihood would fall. Its sums run
// over cells, so that it costs the same for a thousand positions and for a billion.
#include "app/evaluate/calibration.hpp"

#include <cmath>
#include <vector>

#include "app/evaluate/metrics.hpp"
#include "app/model/calibrated.hpp"

namespace regkit {
namespace {

constexpr int kMostSteps = 100;
constexpr double kLargest = 1e4;  // of slope and intercept: beyond, the likelihood has no maximum

struct Line {
    double slope = 0, intercept = 0;
};

// Log likelihood, its gradient, and the information matrix.
struct Likelihood {
    double value = 0, by_intercept = 0, by_slope = 0;
    double aa = 0, ab = 0, bb = 0;
};

Likelihood likelihood_of(const EachCell& each_cell, const Line& line) {
    Likelihood sum;
    each_cell([&](const LogitCell& cell) {
        const double z = line.intercept + line.slope * cell.logit, p = probability_of(z);
        // log p = -log(1 + e^-z), log(1 - p) = -log(1 + e^z)
        sum.value += cell.positives * z - cell.positions * softplus(z);
        const double rest = cell.positives - cell.positions * p, weight = cell.positions * p * (1 - p);
        sum.by_intercept += rest;
        sum.by_slope += rest * cell.logit;
        sum.aa += weight;
        sum.ab += weight * cell.logit;
        sum.bb += weight * cell.logit * cell.logit;
    });
    return sum;
}

void fit(const EachCell& each_cell, double positions, double positives, Calibration& result) {
    Line line{0, std::log(positives / (positions - positives))};
    Likelihood here = likelihood_of(each_cell, line);
    for (int step = 0; step < kMostSteps; ++step) {
        const double determinant = here.aa * here.bb - here.ab * here.ab;
        if (!(determinant > 1e-12 * here.aa * here.bb)) return;  // one logit
        const double up = (here.bb * here.by_intercept - here.ab * here.by_slope) / determinant;
        const double along = (here.aa * here.by_slope - here.ab * here.by_intercept) / determinant;
        double part = 1;
        Line next;
        Likelihood there;
        for (;; part /= 2) {
            next = {line.slope + part * along, line.intercept + part * up};
            there = likelihood_of(each_cell, next);
            if (there.value >= here.value - 1e-12 * std::fabs(here.value) || part < 1e-6) break;
        }
        line = next;
        here = there;
        if (!(std::fabs(line.slope) < kLargest && std::fabs(line.intercept) < kLargest)) return;
        if (std::fabs(part * along) + std::fabs(part * up) <= 1e-10 * (1 + std::fabs(line.slope))) {
            // What separates the classes has no maximum: it creeps on, and explains everything.
            if (!(here.value < -1e-9 * positions)) return;
            result.slope = line.slope;
            result.intercept = line.intercept;
            return;
        }
    }
}

struct Bin {
    double positions = 0, positives = 0, probability = 0;
};

void measure_error(const EachCell& each_cell, double prevalence, Calibration& result) {
    double above = 0;
    const auto is_above = [&](const LogitCell& cell) { return probability_of(cell.logit) > prevalence; };
    each_cell([&](const LogitCell& cell) { above += is_above(cell) ? cell.positions : 0; });
    if (above == 0) return;
    std::vector<Bin> bins(1);
    double passed = 0;
    each_cell([&](const LogitCell& cell) {
        if (!is_above(cell)) return;
        if (passed * kCalibrationBins >= above * static_cast<double>(bins.size())) bins.emplace_back();
        Bin& bin = bins.back();
        bin.positions += cell.positions;
        bin.positives += cell.positives;
        bin.probability += cell.positions * probability_of(cell.logit);
        passed += cell.positions;
    });
    double error = 0, of_constant = 0;
    for (const Bin& bin : bins) {
        error += std::fabs(bin.positives - bin.probability);
        of_constant += std::fabs(bin.positives - bin.positions * prevalence);
    }
    result.error = error / above;
    result.error_of_constant = of_constant / above;
}

}  // namespace

Calibration calibration_of(const EachCell& each_cell) {
    double positions = 0, positives = 0;
    each_cell([&](const LogitCell& cell) {
        positions += cell.positions;
        positives += cell.positives;
    });
    Calibration result;
    if (!(positives > 0 && positives < positions)) return result;
    fit(each_cell, positions, positives, result);
    measure_error(each_cell, positives / positions, result);
    return result;
}

}  // namespace regkit
