#include "app/call/site_score.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace regkit;

namespace {

float p_of(double logit) {
    return static_cast<float>(1 / (1 + std::exp(-logit)));
}

MarkerCalls calls() {
    MarkerCalls calls;
    calls.f1 = {.seed = -1, .precision = 0.5f, .recall = 0.4f, .calls = 400};
    calls.rates = {{-3, 0.9f}, {-1, 0.5f}, {1, 0.05f}, {3, 0.001f}};
    return calls;
}

}  // namespace

TEST_CASE("plain probabilities and coverage: a thousand times the best, and no q-value") {
    const SiteScore plain;
    CHECK(plain.score(0.5f) == 500);
    CHECK(plain.score(0) == 0);
    CHECK(plain.score(17) == 1000);
    CHECK(plain.minus_log10_q(0.5f) == -1);
}

TEST_CASE("scores go from 100 at the seed to 1000 at the surest that validation knows, linear in the logit") {
    const SiteScore score(calls(), -1);
    CHECK(score.score(p_of(-1)) == 100);
    CHECK(score.score(p_of(1)) == 550);
    CHECK(score.score(p_of(3)) == 1000);
    CHECK(score.score(p_of(9)) == 1000);
    CHECK(score.score(1) == 1000);
    CHECK(score.score(p_of(-2)) == 100);
    int before = 0;
    for (double logit = -1; logit < 3.2; logit += 0.1) {
        const int now = score.score(p_of(logit));
        CHECK(now >= before);
        before = now;
    }
}

TEST_CASE("scores where the surest is not above the seed, nothing is known, or everything is called") {
    CHECK(SiteScore(calls(), 3).score(p_of(3)) == 100);
    CHECK(SiteScore(calls(), 3).score(p_of(4)) == 550);
    CHECK(SiteScore({}, 0).score(p_of(1)) == 550);
    const SiteScore all(calls(), -std::numeric_limits<double>::infinity());
    CHECK(all.score(0) == 100);
    CHECK(all.score(p_of(3)) == 1000);
    CHECK(SiteScore(calls(), std::numeric_limits<double>::infinity()).score(1) == 1000);
}

TEST_CASE("q-values are the rates of the validation windows, and not below one of their calls") {
    const SiteScore score(calls(), -1);
    CHECK(score.minus_log10_q(p_of(-4)) == 0);  // 1
    CHECK(score.minus_log10_q(p_of(-2)) == doctest::Approx(-std::log10(0.9)));
    CHECK(score.minus_log10_q(p_of(0)) == doctest::Approx(-std::log10(0.5)));
    CHECK(score.minus_log10_q(p_of(1.5)) == doctest::Approx(-std::log10(0.05)));
    CHECK(score.minus_log10_q(p_of(5)) == doctest::Approx(std::log10(400)));
    CHECK(score.minus_log10_q(1) == doctest::Approx(std::log10(400)));
    MarkerCalls unknown = calls();
    unknown.f1.calls = 0;
    CHECK(SiteScore(unknown, -1).minus_log10_q(p_of(2)) == -1);
    unknown = calls();
    unknown.rates.clear();
    CHECK(SiteScore(unknown, -1).minus_log10_q(p_of(2)) == -1);
    CHECK_FALSE(std::signbit(SiteScore(calls(), -1).minus_log10_q(p_of(-4))));
}
