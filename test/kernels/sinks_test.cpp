// What the fused tail hands out besides values, held against its own values and against the definitions.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "kernels/compose.hpp"
#include "test/kernels/tail_case.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A tail over random input on one back end, and what it gives for part of the row.
struct Subject {
    const TailCase& c;
    Run run;
    View h;
    Tail tail;

    Subject(const TailCase& tail_case, Backend& backend)
        : c(tail_case),
          run(backend),
          h(run.random(c.h(), 1, {2, 3})),
          tail(make_tail(c, run, Weights(c).random())) {}

    std::size_t rows() const { return static_cast<std::size_t>(c.batch * c.markers()); }
    std::vector<float> values(std::int64_t begin, std::int64_t end, TailOutput kind) {
        std::vector<float> out(rows() * static_cast<std::size_t>((end - begin) * c.stride), NAN);
        run.backend()(TailInfer{.h = h, .tail = tail, .begin = begin, .end = end, .kind = kind, .out = out});
        return out;
    }
};

// A few numbers that are among the values, so that equality is met, and some that are not.
std::vector<float> bounds(std::vector<float> values, TailOutput kind, bool few) {
    std::vector<float> all = {0, 1, kInfinity};
    if (kind == TailOutput::logits) all.push_back(-kInfinity);
    if (values.empty()) return all;
    std::sort(values.begin(), values.end());
    for (const std::size_t part : {std::size_t{3}, std::size_t{0}, std::size_t{8}}) {
        const float value = values[(values.size() - 1) * part / 8];
        all.push_back(value);
        all.push_back(std::nextafter(value, kInfinity));
        if (few) break;
    }
    return all;
}

// Of all markers the same, and then of neighbours different ones.
std::vector<std::vector<float>> cutoffs(const std::vector<float>& values, TailOutput kind, int markers,
                                        bool few) {
    const std::vector<float> all = bounds(values, kind, few);
    const auto count = static_cast<std::size_t>(markers);
    std::vector<std::vector<float>> sets;
    for (const float bound : all) sets.emplace_back(count, bound);
    if (markers == 1) return sets;
    for (std::size_t first = 0; first < (few ? 1 : all.size()); ++first) {
        sets.emplace_back();
        for (std::size_t m = 0; m < count; ++m) sets.back().push_back(all[(first + m) % all.size()]);
    }
    return sets;
}

// The definition, one position after the other.
CalledRuns runs_by_hand(const std::vector<float>& values, std::size_t rows, std::span<const float> cutoffs) {
    const auto markers = static_cast<std::int32_t>(cutoffs.size());
    CalledRuns called;
    const std::size_t length = values.size() / rows;
    for (std::size_t r = 0; r < rows; ++r) {
        bool inside = false;
        for (std::size_t p = 0; p < length; ++p) {
            const float value = values[r * length + p];
            const bool below = value < cutoffs[r % cutoffs.size()];
            if (!below && !inside)
                called.runs.push_back({static_cast<std::int32_t>(r) / markers,
                                       static_cast<std::int32_t>(r) % markers, static_cast<std::int32_t>(p),
                                       static_cast<std::int32_t>(p),
                                       static_cast<std::int64_t>(called.values.size())});
            inside = !below;
            if (below) continue;
            ++called.runs.back().end;
            called.values.push_back(value);
        }
    }
    return called;
}

bool same_floats(const std::vector<float>& a, const std::vector<float>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](float x, float y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

// The emulator is slow, and back ends that make these of their values do so in one place: two cases for them.
std::vector<TailCase> cases_for(Backend& backend) {
    if (std::string(backend.name()) == "cpu") return tail_cases();
    return {tail_cases()[0], {2, 5, 13, 10, 4, {3}, 0, 1}};
}

constexpr TailOutput kKinds[] = {TailOutput::logits, TailOutput::probabilities, TailOutput::rates};

}  // namespace

TEST_CASE("tail_runs agree with the values of tail_infer to the bit") {
    for_each_backend([](Backend& backend, double) {
        for (const TailCase& c : cases_for(backend)) {
            CAPTURE(c.text());
            Subject s(c, backend);
            compose::Staging staging;
            const std::int64_t n = c.length;
            for (const auto& [begin, end] : {std::pair{std::int64_t{0}, n}, {n / 3, n - n / 4}, {n, n}})
                for (const TailOutput kind : kKinds) {
                    const std::vector<float> values = s.values(begin, end, kind);
                    for (const std::vector<float>& limits :
                         cutoffs(values, kind, c.markers(), std::string(backend.name()) == "emulator")) {
                        CAPTURE(limits);
                        CalledRuns called;
                        called.append(0, 0, 0, std::vector<float>{1});  // what it held does not matter
                        compose::tail_runs(s.run.backend(),
                                           TailRuns{.h = s.h,
                                                    .tail = s.tail,
                                                    .begin = begin,
                                                    .end = end,
                                                    .kind = kind,
                                                    .cutoffs = limits,
                                                    .out = &called},
                                           staging);
                        const CalledRuns expected = runs_by_hand(values, s.rows(), limits);
                        CHECK(called.runs == expected.runs);
                        CHECK(same_floats(called.values, expected.values));
                    }
                }
        }
    });
}

TEST_CASE("tail_codes: codes of tail_infer's logits") {
    for_each_backend([](Backend& backend, double) {
        for (const TailCase& c : cases_for(backend)) {
            CAPTURE(c.text());
            Subject s(c, backend);
            compose::Staging staging;
            const std::int64_t n = c.length;
            for (const auto& [begin, end] : {std::pair{std::int64_t{0}, n}, {n / 3, n - n / 4}, {n, n}}) {
                std::vector<std::uint8_t> expected, got;
                for (const float z : s.values(begin, end, TailOutput::logits))
                    expected.push_back(logit_code(z));
                got.resize(expected.size(), 0xA5);
                compose::tail_codes(
                    s.run.backend(),
                    TailCodes{.h = s.h, .tail = s.tail, .begin = begin, .end = end, .out = got}, staging);
                CHECK(got == expected);
            }
        }
    });
}

TEST_CASE("sinks of extreme logits and of what is not a number") {
    const Values z = {-1000, -88, -87.3, -20, -15.95, -15.9, -0.07, 0, 0.07, 15.9, 15.95, 17, 20, 88, 1000};
    const auto n = static_cast<std::int64_t>(z.size()) + 3;
    const TailCase c{1, 1, n, 1, 0, {1}, 0, 1};
    for_each_backend([&](Backend& backend, double) {
        Run run(backend);
        compose::Staging staging;
        Values all = z;
        for (const double odd : {double{NAN}, double{kInfinity}, -double{kInfinity}}) all.push_back(odd);
        const View h = run.input(c.h(), all);
        const Tail tail = make_tail(c, run, {{1}, {0}});
        const auto length = static_cast<std::size_t>(n);
        std::vector<float> logits(length);
        backend(
            TailInfer{.h = h, .tail = tail, .begin = 0, .end = n, .kind = TailOutput::logits, .out = logits});
        std::vector<std::uint8_t> codes(length);
        compose::tail_codes(backend, TailCodes{.h = h, .tail = tail, .begin = 0, .end = n, .out = codes},
                            staging);
        for (std::size_t i = 0; i < length; ++i) CHECK(codes[i] == logit_code(logits[i]));
        CHECK(codes[z.size()] == 0);
        for (const TailOutput kind : {TailOutput::probabilities, TailOutput::rates}) {
            std::vector<float> values(length);
            backend(TailInfer{.h = h, .tail = tail, .begin = 0, .end = n, .kind = kind, .out = values});
            for (const float cutoff :
                 {0.0f, 1e-40f, 1e-38f, 1e-30f, 1e-8f, 0.5f, 0.9999999f, 1.0f, 17.0f, 88.0f, 3e38f}) {
                CAPTURE(cutoff);
                CalledRuns called;
                compose::tail_runs(backend,
                                   TailRuns{.h = h,
                                            .tail = tail,
                                            .begin = 0,
                                            .end = n,
                                            .kind = kind,
                                            .cutoffs = {&cutoff, 1},
                                            .out = &called},
                                   staging);
                const CalledRuns expected = runs_by_hand(values, 1, {&cutoff, 1});
                CHECK(called.runs == expected.runs);
                CHECK(same_floats(called.values, expected.values));
                CHECK(std::any_of(called.values.begin(), called.values.end(),
                                  [](float v) { return std::isnan(v); }));
            }
        }
    });
}

TEST_CASE("logit codes keep their promise") {
    const CodeTable logits = code_table(TailOutput::logits),
                    probabilities = code_table(TailOutput::probabilities);
    const CodeTable rates = code_table(TailOutput::rates);
    CHECK(std::isnan(logits[0]));
    CHECK(logit_code(NAN) == 0);
    for (int code = 1; code < 256; ++code) {
        const auto i = static_cast<std::size_t>(code);
        CHECK(logit_code(logits[i]) == code);
        const double z = static_cast<double>(logits[i]);
        CHECK(static_cast<double>(probabilities[i]) == doctest::Approx(1 / (1 + std::exp(-z))).epsilon(1e-6));
        CHECK(static_cast<double>(rates[i]) == doctest::Approx(std::log1p(std::exp(z))).epsilon(1e-6));
    }
    double worst = 0, worst_probability = 0;
    for (float z = -15.9375f; z <= 15.9375f; z += 0.001f) {
        const std::uint8_t code = logit_code(z);
        worst = std::max(worst, std::fabs(static_cast<double>(logits[code] - z)));
        const double p = 1 / (1 + std::exp(-static_cast<double>(z)));
        worst_probability =
            std::max(worst_probability, std::fabs(static_cast<double>(probabilities[code]) - p));
    }
    CHECK(worst <= 1.0 / 16);
    CHECK(worst > 0.06);  // the bound is no looser than it must be
    CHECK(worst_probability <= 1.0 / 64);
    CHECK(logit_code(-kInfinity) == 1);
    CHECK(logit_code(kInfinity) == 255);
}

TEST_CASE("least_logit is a little below the cutoff's logit") {
    for (const float cutoff : {1e-20f, 1e-6f, 0.01f, 0.3f, 0.5f, 0.75f, 0.999f}) {
        const double c = static_cast<double>(cutoff);
        const double p =
            std::log(c / (1 - c)) - static_cast<double>(least_logit(TailOutput::probabilities, cutoff));
        CHECK((p > 0 && p < 0.05));  // few values need a sigmoid
        const double r =
            std::log(std::expm1(c)) - static_cast<double>(least_logit(TailOutput::rates, cutoff));
        CHECK((r > 0 && r < 0.05));
    }
    CHECK(least_logit(TailOutput::probabilities, 1.0f) < 15.9f);  // where a float's sigmoid is 1
    CHECK(least_logit(TailOutput::probabilities, 0) == -kInfinity);
    CHECK(least_logit(TailOutput::logits, 2) == 2);
}

TEST_CASE("sinks refuse what cannot be") {
    const TailCase& c = tail_cases()[3];
    for_each_backend([&](Backend& backend, double) {
        Subject s(c, backend);
        compose::Staging staging;
        CalledRuns called;
        std::vector<std::uint8_t> bytes(5);
        const auto runs = [&](std::int64_t end, const std::vector<float>& limits) {
            compose::tail_runs(backend,
                               TailRuns{.h = s.h,
                                        .tail = s.tail,
                                        .begin = 0,
                                        .end = end,
                                        .kind = TailOutput::logits,
                                        .cutoffs = limits,
                                        .out = &called},
                               staging);
        };
        const auto count = static_cast<std::size_t>(c.markers());
        const std::vector<float> limits(count);
        CHECK_NOTHROW(runs(c.length, limits));
        CHECK_THROWS(runs(c.length + 1, limits));
        CHECK_THROWS(runs(c.length, std::vector<float>(count + 1)));
        CHECK_THROWS(runs(c.length, std::vector<float>(count - 1)));
        std::vector<float> odd = limits;
        odd.back() = NAN;
        CHECK_THROWS(runs(c.length, odd));
        CHECK_THROWS(compose::tail_codes(
            backend, TailCodes{.h = s.h, .tail = s.tail, .begin = 0, .end = c.length, .out = bytes},
            staging));
    });
}
