// Calibration of worlds whose truth is known: probabilities of counts that a line gave, and sites planted in
// noise, called and counted on other bases than those that they were fitted on.
#include "app/evaluate/call_fit.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <tuple>
#include <vector>

#include "app/evaluate/probability_fit.hpp"
#include "app/evaluate/sites.hpp"
#include "app/model/calibrated.hpp"

using namespace regkit;

namespace {

double logit_of(int code) {
    return (code - 128) / 8.0;
}

// Positions whose logits spread about -4, present at the odds that `truth` gives each logit.
CodeCounts counts_of(double positions, const std::function<double(double)>& truth, double label_cells = 1) {
    CodeCounts counts;
    counts.label_cells = label_cells;
    for (int code = 1; code < 256; ++code) {
        const double away = (logit_of(code) + 4) / 2.5,
                     share = std::exp(-0.5 * away * away) / (2.5 * 8 * 2.5066);
        for (CodeCounts::Half& half : counts.halves) {
            const auto at = static_cast<std::size_t>(code);
            half.all[at] = static_cast<std::uint64_t>(std::llround(positions / 2 * share));
            half.positive[at] = static_cast<std::uint64_t>(
                std::llround(static_cast<double>(half.all[at]) / (1 + std::exp(-truth(logit_of(code))))));
        }
    }
    return counts;
}

const auto kLine = [](double slope, double intercept) {
    return [=](double logit) { return slope * logit + intercept; };
};

}  // namespace

TEST_CASE("probabilities: a line is found again, and the class does not draw what is sure") {
    const std::vector<LogitMap> maps =
        fit_probabilities({counts_of(1e9, kLine(0.8, -0.5)), counts_of(1e9, kLine(1.3, 0.7))});
    CHECK(static_cast<double>(maps[0].slope) == doctest::Approx(0.8).epsilon(1e-3));
    CHECK(static_cast<double>(maps[0].intercept) == doctest::Approx(-0.5).epsilon(5e-3));
    CHECK(static_cast<double>(maps[1].slope) == doctest::Approx(1.3).epsilon(1e-3));
    CHECK(static_cast<double>(maps[1].intercept) == doctest::Approx(0.7).epsilon(5e-3));
    CHECK(maps[0].knots.empty());
}

TEST_CASE("probabilities: few labels are drawn to the class, none take it") {
    CodeCounts none = counts_of(1e6, kLine(1, 0));
    for (CodeCounts::Half& half : none.halves) half.positive.fill(0);
    const std::vector<LogitMap> maps =
        fit_probabilities({counts_of(1e8, kLine(0.9, 0)), counts_of(1e8, kLine(1.1, 0)),
                           counts_of(1e8, kLine(1, 0)), counts_of(1e4, kLine(2, 0), 100), none});
    CHECK(static_cast<double>(maps[0].slope) == doctest::Approx(0.9).epsilon(0.02));
    CHECK(static_cast<double>(maps[3].slope) < 1.3);  // alone: 2
    CHECK(static_cast<double>(maps[4].slope) == doctest::Approx(1).epsilon(0.1));
    const std::vector<LogitMap> alone = fit_probabilities({none});
    CHECK(alone[0].slope == 1);
    CHECK(alone[0].intercept == 0);
}

TEST_CASE("probabilities: a slope that falls is held above 0") {
    const LogitMap map = fit_probabilities({counts_of(1e8, kLine(-0.5, -4))}).front();
    CHECK(static_cast<double>(map.slope) == doctest::Approx(kLeastSlope));
}

TEST_CASE("probabilities: a curve where no line fits, and it is strictly increasing and right") {
    // Odds rise, stand, and rise.
    const auto truth = [](double z) {
        return z < -4 ? 2 * (z + 4) - 3 : z < 0 ? -3 + 0.05 * (z + 4) : 3 * z - 2.8;
    };
    const LogitMap map = fit_probabilities({counts_of(1e8, truth)}).front();
    REQUIRE(map.knots.size() > 2);
    CHECK(map.knots.size() <= kMostKnots);
    double before = -1e9;
    for (double z = -20; z < 20; z += 0.01) {
        const double now = apply(map, z);
        CHECK(now > before);
        before = now;
    }
    for (const double z : {-6.0, -3.0, -1.0, 0.5}) CHECK(std::fabs(apply(map, z) - truth(z)) < 0.4);
}

namespace {

constexpr std::int64_t kContig = 24'000'000, kCell = 20;

// Labels of some length, at which logits rise to a height of their own; hills where there is no label; noise
// in all cells.
struct World {
    std::vector<Marker> markers;
    std::vector<std::int64_t> lengths;
    std::vector<double> strength;  // mean height over the background, in logits; 0: nothing is learnt
    unsigned every = 2;            // of the last marker: of so many places one has a label

    CodeSpool empty() const { return {static_cast<int>(markers.size()), kCell, {{"chr1", kContig, ""}}}; }
    void fill(CodeSpool& spool, unsigned seed) const {
        std::mt19937 random(seed);
        std::normal_distribution<double> normal;
        const std::int64_t cells = kContig / kCell;
        std::vector<float> logits(markers.size() * static_cast<std::size_t>(cells));
        for (std::size_t m = 0; m < markers.size(); ++m) {
            float* const row = logits.data() + m * static_cast<std::size_t>(cells);
            for (std::int64_t i = 0; i < cells; ++i) row[i] = static_cast<float>(-5 + 0.3 * normal(random));
            const std::int64_t length = lengths[m];
            for (std::int64_t at = 5000; at + 20'000 < kContig;
                 at += 10'000 + static_cast<std::int64_t>(random() % 9000)) {
                const bool label = random() % (m + 1 == markers.size() ? every : 2) == 0;
                if (label) spool.add_label(static_cast<int>(m), {at, at + length});
                const double height = strength[m] * (label ? 1 : 0.4) * (1 + 0.4 * normal(random));
                for (std::int64_t i = (at - length) / kCell; i < (at + 2 * length) / kCell; ++i) {
                    const double away = static_cast<double>(i * kCell - at - length / 2) /
                                        (0.6 * static_cast<double>(length));
                    row[i] += static_cast<float>(height * std::exp(-0.5 * away * away));
                }
            }
        }
        const std::int64_t piece = 60'000;
        std::vector<float> part;
        for (std::int64_t from = 0; from < cells; from += piece) {
            const std::int64_t count = std::min(piece, cells - from);
            part.clear();
            for (std::size_t m = 0; m < markers.size(); ++m)
                part.insert(
                    part.end(),
                    logits.begin() + static_cast<std::ptrdiff_t>(m * static_cast<std::size_t>(cells)) + from,
                    logits.begin() + static_cast<std::ptrdiff_t>(m * static_cast<std::size_t>(cells)) + from +
                        count);
            const std::vector<KeptRun> kept = {{0, static_cast<std::int32_t>(count)}};
            spool.add(spool.line(0, from * kCell), part, count, kept);
        }
    }
};

}  // namespace

TEST_CASE("calls: sites as long as labels, at the rates that are told, on bases that were not seen") {
    World world;
    for (int m = 0; m < 4; ++m) {
        world.markers.push_back({"t" + std::to_string(m), "TFBS", "", "", 0.01});
        world.lengths.push_back(300);
        world.strength.push_back(m == 3 ? 0 : 5 + m);
    }
    for (int m = 0; m < 2; ++m) {
        world.markers.push_back({"h" + std::to_string(m), "Histone", "", "", 0.05});
        world.lengths.push_back(2000);
        world.strength.push_back(6 + m);
    }
    ThreadPool pool(2);
    CodeSpool seen = world.empty(), fresh = world.empty();
    world.fill(seen, 1);
    world.fill(fresh, 2);
    const CallFit fit = fit_calls(seen, world.markers, pool, [] {});
    REQUIRE(fit.calls.size() == world.markers.size());
    REQUIRE(fit.classes.size() == 2);
    CHECK(fit.classes[0].labelled == 4);
    std::vector<MarkerCalls> at_rate = fit.calls;
    for (MarkerCalls& calls : at_rate) calls.f1 = calls.at[2];
    const std::vector<SiteMetrics> best = site_metrics(fresh, world.markers, fit.calls, pool),
                                   twenty = site_metrics(fresh, world.markers, at_rate, pool);
    for (std::size_t m = 0; m < world.markers.size(); ++m) {
        CAPTURE(world.markers[m].name);
        const MarkerCalls& calls = fit.calls[m];
        if (world.strength[m] == 0) {
            for (const SiteCutoff& cutoff : calls.at) CHECK(cutoff.seed == SiteCutoff::kNone);
            CHECK(twenty[m].calls == 0);
            continue;
        }
        CHECK(calls.f1.seed >= calls.extension);
        const auto precision = [](const SiteMetrics& s) {
            return static_cast<double>(s.matched) / static_cast<double>(s.calls);
        };
        // As it was told, on other bases.
        CHECK(std::fabs(precision(best[m]) - static_cast<double>(calls.f1.precision)) < 0.05);
        CHECK(static_cast<double>(best[m].matched) / static_cast<double>(best[m].labels) > 0.7);
        CHECK(best[m].called_length / best[m].label_length > 0.5);
        CHECK(best[m].called_length / best[m].label_length < 2);
        CHECK(1 - precision(twenty[m]) < 0.25);
        CHECK(twenty[m].calls > 100);
        // Stricter levels call no more.
        CHECK(calls.at[0].seed >= calls.at[1].seed);
        CHECK(calls.at[1].seed >= calls.at[2].seed);
        REQUIRE(!calls.rates.empty());
        CHECK(calls.rates.back().rate < 0.1f);
    }
}

// Little is learnt of it, so its best logits lie below those at which the others' sites begin.
TEST_CASE("calls: a marker with some labels that its class never calls is called by its own cutoff") {
    World world;
    for (int m = 0; m < 3; ++m) {
        world.markers.push_back({"t" + std::to_string(m), "TFBS", "", "", 0.01});
        world.lengths.push_back(300);
        world.strength.push_back(m < 2 ? 8 : 0.4);
    }
    ThreadPool pool(2);
    for (const auto& [every, labels_least, labels_most, called] :
         {std::tuple(22u, 50u, 99u, true), std::tuple(70u, 5u, 49u, false)}) {
        world.every = every;
        CodeSpool spool = world.empty();
        world.fill(spool, 3);
        REQUIRE(spool.labels(2).size() >= labels_least);
        REQUIRE(spool.labels(2).size() <= labels_most);
        const CallFit fit = fit_calls(spool, world.markers, pool, [] {});
        CHECK((site_metrics(spool, world.markers, fit.calls, pool)[2].calls > 0) == called);
    }
}

TEST_CASE("calls: the same whatever the number of threads") {
    World world;
    world.markers = {{"a", "DNase", "", "", 0.01}, {"b", "", "", "", 0.01}, {"c", "DNase", "", "", 0.01}};
    world.lengths = {150, 400, 150};
    world.strength = {6, 5, 4};
    CodeSpool spool = world.empty();
    world.fill(spool, 5);
    ThreadPool one(1), three(3);
    const CallFit a = fit_calls(spool, world.markers, one, [] {}),
                  b = fit_calls(spool, world.markers, three, [] {});
    CHECK(calls_text(a.calls) == calls_text(b.calls));
    const std::vector<MarkerCalls> again = parse_calls(calls_text(a.calls), 3, "x");
    CHECK(calls_text(again) == calls_text(a.calls));
}
