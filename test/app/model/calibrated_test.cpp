#include "app/model/calibrated.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "kernels/backend.hpp"
#include "kernels/base/error.hpp"
#include "nn/network.hpp"
#include "test/nn/support.hpp"

using namespace regkit;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int kMarkers = 3;

std::vector<LogitMap> maps() {
    std::mt19937 random(4);
    const auto step = [&] { return 0.01f + static_cast<float>(random() % 1000) / 500; };
    std::vector<LogitMap> all = {{}, {0.3f, -2, {}}, {2.5f, 1, {{-1, -1.5f}}}, {1, 0, {{-3, -5}, {2, 0.5f}}}};
    for (const int knots : {3, 64}) {
        LogitMap map{0.7f, 0.2f, {}};
        float from = -30, to = -20;
        for (int i = 0; i < knots; ++i) map.knots.push_back({from += step(), to += step()});
        all.push_back(map);
    }
    return all;
}

// A model of this architecture, with a map for each marker that differs from the others'.
Model model_of(const Spec& spec, Backend& backend) {
    Model model;
    model.spec = spec;
    Network network(spec, kMarkers, backend);
    test::randomise(network, 4);
    model.tensors = network.state();
    for (int m = 0; m < kMarkers; ++m) {
        model.markers.push_back({"m" + std::to_string(m), "", "", "", 0.1});
        model.calls.emplace_back();
        model.calls.back().probability = {0.5f + static_cast<float>(m), 1 - 2 * static_cast<float>(m), {}};
    }
    model.calls.back().probability.knots = {{0, 0}, {1, 2}};
    return model;
}

std::vector<float> predict(const Model& model, const test::Windows& w, Backend& backend, TailOutput kind) {
    Network network(model.spec, static_cast<int>(model.markers.size()), backend);
    network.load(model.tensors);
    std::vector<float> out(model.markers.size() * static_cast<std::size_t>(w.batch * w.positions));
    network.infer(w.view(), 0, w.length, kind, out);
    return out;
}

}  // namespace

TEST_CASE("a LogitMap increases strictly, and inverse() takes it back") {
    for (const LogitMap& map : maps()) {
        CAPTURE(map.knots.size());
        double before = -kInfinity;
        for (float logit = -60; logit < 60; logit += 0.037f) {
            const double to = apply(map, static_cast<double>(logit));
            REQUIRE(to > before);
            REQUIRE(inverse(map, to) == doctest::Approx(static_cast<double>(logit)).epsilon(1e-9));
            before = to;
        }
        for (std::size_t i = 0; i < map.knots.size(); ++i) {
            const double at = (static_cast<double>(map.knots[i].from) - static_cast<double>(map.intercept)) /
                              static_cast<double>(map.slope);
            CHECK(apply(map, at) == doctest::Approx(static_cast<double>(map.knots[i].to)).epsilon(1e-9));
        }
        CHECK(apply(map, kInfinity) == kInfinity);
        CHECK(apply(map, -kInfinity) == -kInfinity);
        CHECK(inverse(map, kInfinity) == kInfinity);
        CHECK(inverse(map, -kInfinity) == -kInfinity);
        CHECK(std::isnan(apply(map, NAN)));
    }
}

TEST_CASE("a LogitMap is linear between its knots, and beyond them as far off as at the ends") {
    const LogitMap map{2, 1, {{-1, -3}, {1, 1}, {3, 2}}};
    CHECK(apply(map, -1) == -3);             // 2 * -1 + 1 = -1, a knot
    CHECK(apply(map, -2) == -5);             // -3: two before the first
    CHECK(apply(map, -0.5) == -1);           // 0
    CHECK(apply(map, 0.5) == 1.5);           // 2
    CHECK(apply(map, 3) == 6);               // 7: four behind the last
    CHECK(apply({2, 1, {{5, 7}}}, 0) == 3);  // one knot: two more
    CHECK(apply({0.5f, -1, {}}, 4) == 1);
}

TEST_CASE("the logits of a calibrated model are the lines of those it had, of every kind of head") {
    const auto backend = make_backend({"reference", 1, ""}).backend;
    for (const Spec& spec : test::specs_of_every_kind()) {
        CAPTURE(spec.name);
        const Model model = model_of(spec, *backend);
        const test::Windows w = test::windows_of(spec, 2, kMarkers, 9);
        const Model after = calibrated(model);
        const std::vector<float> old = predict(model, w, *backend, TailOutput::logits),
                                 got = predict(after, w, *backend, TailOutput::logits);
        const auto positions = static_cast<std::size_t>(w.positions);
        for (std::size_t i = 0; i < old.size(); ++i) {
            LogitMap line = model.calls[i / positions % kMarkers].probability;
            line.knots.clear();
            REQUIRE(static_cast<double>(got[i]) ==
                    doctest::Approx(apply(line, static_cast<double>(old[i]))).epsilon(1e-4).scale(1));
        }
        // What is left of the maps; a second time nothing happens.
        CHECK(after.calls[0].probability.slope == 1);
        CHECK(after.calls[1].probability.intercept == 0);
        CHECK(after.calls[2].probability.knots.size() == 2);
        CHECK(predict(calibrated(after), w, *backend, TailOutput::logits) == got);
        // Of some markers: the rows of those.
        const Model one = calibrated(restrict_markers(model, {2}));
        std::vector<float> row;
        for (std::int64_t s = 0; s < w.batch; ++s) {
            const auto first = got.begin() + static_cast<std::ptrdiff_t>((s * kMarkers + 2) * w.positions);
            row.insert(row.end(), first, first + w.positions);
        }
        CHECK(predict(one, w, *backend, TailOutput::logits) == row);
    }
}

TEST_CASE("a model without calibration is left as it is, and one that does not fit its markers refused") {
    const auto backend = make_backend({"reference", 1, ""}).backend;
    Model model = model_of(test::small_spec(), *backend);
    const std::vector<float> weights = test::flat(model.tensors);
    model.calls.pop_back();
    CHECK_THROWS_AS(calibrated(model), Error);
    model.calls.clear();
    CHECK(test::flat(calibrated(model).tensors) == weights);
}

TEST_CASE("KnotMaps: values as the map has them, cutoffs back") {
    std::vector<MarkerCalls> calls(2);
    CHECK_FALSE(KnotMaps(calls).any());
    CHECK_FALSE(KnotMaps().any());
    CHECK(KnotMaps().before(1, 0.3f) == 0.3f);
    calls[1].probability = {1, 0, {{-2, -4}, {0, -1}, {3, 5}}};
    const KnotMaps maps(calls);
    REQUIRE(maps.any());
    std::vector<float> values = {0, 1e-30f, 0.1f, 0.5f, 0.9f, 1 - 6e-8f, 1};
    const std::vector<float> given = values;
    maps.apply(0, values);
    CHECK(values == given);
    maps.apply(1, values);
    CHECK(std::is_sorted(values.begin(), values.end()));
    CHECK(values.front() == 0);
    CHECK(values.back() == 1);
    CHECK(static_cast<double>(values[3]) == doctest::Approx(1 / (1 + std::exp(1.0))));  // logit 0 to -1
    for (std::size_t i = 0; i < given.size(); ++i) {
        CHECK(maps.before(0, given[i]) == given[i]);
        CHECK(maps.before(1, values[i]) == doctest::Approx(given[i]).epsilon(1e-5));
    }
    constexpr float kNever = std::numeric_limits<float>::infinity();
    CHECK(maps.before(1, kNever) == kNever);
}
