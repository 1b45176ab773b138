// Lines are fitted by calibration_of(), on the counts of 255 logits. How far a line may be off by chance
// follows from its information matrix, of as many observations as there are labels' lengths. Curves are
// isotonic regressions by pooling adjacent violators (Ayer et al. 1955), with half an observation of the
// line's at every logit, so that no rate is 0 or 1, and their blocks become knots.
#include "app/evaluate/probability_fit.hpp"

#include <algorithm>
#include <cmath>

#include "app/evaluate/calibration.hpp"
#include "app/evaluate/metrics.hpp"
#include "app/model/calibrated.hpp"
#include "kernels/sinks.hpp"

namespace regkit {
namespace {

double logit_of_code(std::size_t code) {
    return (static_cast<double>(code) - kLogitCodeZero) / static_cast<double>(kLogitCodesPerUnit);
}

// Takes (code, positions, positives) of every code that occurs in some halves.
template <typename Take>
void each_code(const CodeCounts& counts, const std::vector<int>& halves, const Take& take) {
    for (std::size_t code = 1; code < 256; ++code) {
        double all = 0, positive = 0;
        for (const int half : halves) {
            all += static_cast<double>(counts.halves[static_cast<std::size_t>(half)].all[code]);
            positive += static_cast<double>(counts.halves[static_cast<std::size_t>(half)].positive[code]);
        }
        if (all > 0) take(code, all, positive);
    }
}

struct Line {
    double slope = Calibration::kNone, intercept = Calibration::kNone;
    bool defined() const { return std::isfinite(slope) && std::isfinite(intercept); }
    double operator()(double logit) const { return slope * logit + intercept; }
};

Line line_of(const CodeCounts& counts, const std::vector<int>& halves) {
    const Calibration fit = calibration_of([&](const std::function<void(const LogitCell&)>& take) {
        each_code(counts, halves, [&](std::size_t code, double all, double positive) {
            take({logit_of_code(code), all, positive});
        });
    });
    return {fit.slope, fit.intercept};
}

// An estimate and its variance.
struct Estimate {
    double value = 0, variance = 0;
};

// Draws estimates towards their mean, which is returned.
double shrink(std::vector<Estimate*> estimates) {
    double weights = 0, squares = 0, sum = 0;
    for (const Estimate* e : estimates) {
        weights += 1 / e->variance;
        squares += 1 / (e->variance * e->variance);
        sum += e->value / e->variance;
    }
    double spread = 0;  // Cochran's Q
    for (const Estimate* e : estimates)
        spread += (e->value - sum / weights) * (e->value - sum / weights) / e->variance;
    const double degrees = static_cast<double>(estimates.size()) - 1;
    const double between =
        degrees > 0 ? std::max(0.0, (spread - degrees) / (weights - squares / weights)) : 0;
    double total = 0, mean = 0;
    for (const Estimate* e : estimates) {
        total += 1 / (e->variance + between);
        mean += e->value / (e->variance + between);
    }
    mean /= total;
    for (Estimate* e : estimates)
        e->value = (between * e->value + e->variance * mean) / (between + e->variance);
    return mean;
}

// What the observations say of a line, at its own probabilities: sums of p (1 - p), of it times the logit and
// times its square.
struct Information {
    double weight = 0, first = 0, second = 0;
};

Information information_of(const CodeCounts& counts, const Line& line) {
    Information sum;
    each_code(counts, {0, 1}, [&](std::size_t code, double all, double) {
        const double x = logit_of_code(code), p = probability_of(line(x)),
                     w = all * p * (1 - p) / counts.label_cells;
        sum.weight += w;
        sum.first += w * x;
        sum.second += w * x * x;
    });
    return sum;
}

// Of a class.
std::vector<Line> fit_lines(const std::vector<CodeCounts>& markers) {
    std::vector<Line> lines;
    std::vector<Information> known;
    double weight = 0, first = 0;
    for (const CodeCounts& counts : markers) {
        lines.push_back(line_of(counts, {0, 1}));
        known.push_back(lines.back().defined() ? information_of(counts, lines.back()) : Information{});
        weight += known.back().weight;
        first += known.back().first;
    }
    const double centre = weight > 0 ? first / weight : 0;
    std::vector<Estimate> slopes(markers.size()), levels(markers.size());
    std::vector<Estimate*> some_slopes, some_levels;
    for (std::size_t m = 0; m < markers.size(); ++m) {
        const Information& k = known[m];
        const double along = k.first - centre * k.weight,
                     square = k.second - 2 * centre * k.first + centre * centre * k.weight,
                     determinant = k.weight * square - along * along;
        if (!lines[m].defined() || !(determinant > 0)) {
            lines[m] = {};
            continue;
        }
        slopes[m] = {lines[m].slope, k.weight / determinant};
        levels[m] = {lines[m](centre), square / determinant};
        some_slopes.push_back(&slopes[m]);
        some_levels.push_back(&levels[m]);
    }
    if (some_slopes.empty()) return std::vector<Line>(markers.size(), Line{1, 0});
    const double slope = shrink(some_slopes), level = shrink(some_levels);
    for (std::size_t m = 0; m < markers.size(); ++m) {
        const bool own = lines[m].defined();
        lines[m].slope = std::max(own ? slopes[m].value : slope, kLeastSlope);
        lines[m].intercept = (own ? levels[m].value : level) - lines[m].slope * centre;
    }
    return lines;
}

using Knots = std::vector<LogitMap::Knot>;

LogitMap map_of(const Line& line, Knots knots) {
    return {static_cast<float>(line.slope), static_cast<float>(line.intercept), std::move(knots)};
}

// Isotonic, on the logits of a line.
Knots curve_of(const CodeCounts& counts, const std::vector<int>& halves, const Line& line) {
    struct Block {
        double all = 0, positive = 0, logits = 0;
        double rate() const { return positive / all; }
    };
    std::vector<Block> blocks;
    const auto join_last = [&] {
        const Block last = blocks.back();
        blocks.pop_back();
        blocks.back().all += last.all;
        blocks.back().positive += last.positive;
        blocks.back().logits += last.logits;
    };
    each_code(counts, halves, [&](std::size_t code, double all, double positive) {
        const double z = line(logit_of_code(code)), prior = counts.label_cells / 2;
        blocks.push_back({all + prior, positive + prior * probability_of(z), (all + prior) * z});
        while (blocks.size() > 1 && !(blocks.back().rate() > blocks[blocks.size() - 2].rate())) join_last();
    });
    while (blocks.size() > kMostKnots) {  // the lightest goes to its lighter neighbour
        std::size_t least = 0;
        for (std::size_t i = 1; i < blocks.size(); ++i)
            if (blocks[i].all < blocks[least].all) least = i;
        const std::size_t to = least == 0                                      ? 1
                               : least + 1 == blocks.size()                    ? least - 1
                               : blocks[least + 1].all < blocks[least - 1].all ? least + 1
                                                                               : least - 1;
        blocks[to].all += blocks[least].all;
        blocks[to].positive += blocks[least].positive;
        blocks[to].logits += blocks[least].logits;
        blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(least));
    }
    Knots knots;
    for (const Block& block : blocks) {
        const LogitMap::Knot knot{static_cast<float>(block.logits / block.all),
                                  static_cast<float>(logit_of(block.rate()))};
        if (knots.empty() || (knot.from > knots.back().from && knot.to > knots.back().to))
            knots.push_back(knot);
    }
    return knots;
}

double log_loss(const CodeCounts& counts, int half, const LogitMap& map) {
    double loss = 0;
    each_code(counts, {half}, [&](std::size_t code, double all, double positive) {
        const double z = apply(map, logit_of_code(code));
        loss += all * softplus(z) - positive * z;
    });
    return loss;
}

bool curve_wins(const CodeCounts& counts) {
    double with_line = 0, with_curve = 0;
    for (const int half : {0, 1}) {
        const Line line = line_of(counts, {half});
        if (!line.defined() || !(line.slope > 0)) return false;
        with_line += log_loss(counts, 1 - half, map_of(line, {}));
        with_curve += log_loss(counts, 1 - half, map_of(line, curve_of(counts, {half}, line)));
    }
    return with_curve < (1 - kCurveGain) * with_line;
}

}  // namespace

std::vector<LogitMap> fit_probabilities(const std::vector<CodeCounts>& markers) {
    const std::vector<Line> lines = fit_lines(markers);
    std::vector<LogitMap> maps;
    for (std::size_t m = 0; m < markers.size(); ++m) {
        const bool curve = curve_wins(markers[m]);
        maps.push_back(map_of(lines[m], curve ? curve_of(markers[m], {0, 1}, lines[m]) : Knots{}));
    }
    return maps;
}

}  // namespace regkit
