#include "app/call/call_cutoffs.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

constexpr float kNever = std::numeric_limits<float>::infinity();

// Four markers: a usual one, one whose sites are mostly wrong, one with knots, one without any cutoff.
Model calibrated_model() {
    Model model;
    model.markers = {{"CTCF.a", "TFBS", "", "", 0},
                     {"CTCF.b", "TFBS", "", "", 0},
                     {"open", "DNase", "", "", 0},
                     {"rare", "DNase", "", "", 0}};
    MarkerCalls usual;
    usual.extension = -2;
    usual.merge_gap = 30;
    usual.min_length = 50;
    usual.f1 = {.seed = -1, .precision = 0.4f, .recall = 0.5f, .calls = 300};
    usual.at = {SiteCutoff{.seed = 2}, {.seed = 1}, {.seed = 0.5f}};
    usual.rates = {{-1, 0.6f}, {3, 0.01f}};
    model.calls.assign(4, usual);
    model.calls[1].f1.seed = 0;
    model.calls[1].f1.precision = 0.1f;
    model.calls[1].at[0] = {};
    model.calls[2].probability.knots = {{-2, -3}, {0, 1}};
    model.calls[3].f1 = {};
    model.calls[3].at = {};
    return model;
}

SiteOptions options(const std::vector<std::string>& cutoffs) {
    SiteOptions all;
    for (const std::string& text : cutoffs) all.cutoffs.push_back(parse_cutoff(text));
    return all;
}

CallPlan plan(const Model& model, const std::vector<std::string>& cutoffs) {
    return plan_calls(model, options(cutoffs), true, "m.safetensors");
}

float p_of(double logit) {
    return static_cast<float>(1 / (1 + std::exp(-logit)));
}

std::string refusal(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
    return "";
}

std::string refusal(const Model& model, const std::vector<std::string>& cutoffs) {
    return refusal([&] { plan(model, cutoffs); });
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("-c as it is written") {
    CHECK(parse_cutoff("f1").kind == CutoffChoice::Kind::f1);
    CHECK(parse_cutoff("fdr:0.05").level == 0);
    CHECK(parse_cutoff("fdr:.10").level == 1);
    CHECK(parse_cutoff("fdr:0.2").level == 2);
    CHECK(parse_cutoff("1e-3").value == 1e-3);
    const CutoffChoice named = parse_cutoff("a=b*=fdr:0.1");
    CHECK((named.pattern == "a=b*" && named.text == "fdr:0.1" && named.level == 1));
    for (const char* text : {"", "f2", "-0.1", "nan", "inf", "1e39", "0.5x", "X=", "X=f2", "fdr"})
        CHECK(
            has(refusal([&] { parse_cutoff(text); }), "not f1, fdr:LEVEL, a number of at least 0, or NAME="));
    CHECK(has(refusal([] { parse_cutoff("=0.5"); }), "no name of a marker"));
    for (const char* text : {"fdr:0.3", "fdr:", "fdr:x", "X=fdr:0.15"})
        CHECK(has(refusal([&] { parse_cutoff(text); }), "false discovery rates of 0.05, 0.1 and 0.2"));
}

TEST_CASE("a calibrated model is called as stored for the largest F1") {
    const CallPlan p = plan(calibrated_model(), {});
    CHECK(p.calibrated);
    CHECK(p.cutoffs[0] == p_of(-2));
    CHECK(p.rules[0].seed == p_of(-1));
    CHECK((p.rules[0].merge_gap == 30 && p.rules[0].min_length == 50));
    CHECK(p.rules[1].seed == p_of(0));
    // -2 of the calibrated logit is one half of the way from -3 to 1 below -1: from -2 + 1/4 * 2.
    CHECK(p.cutoffs[2] == doctest::Approx(p_of(-1.5)));
    CHECK(p.rules[2].seed == p_of(-1));
    CHECK(p.cutoffs[3] == kNever);
    CHECK(p.scores[0].score(p_of(-1)) == 100);
    CHECK(p.scores[0].score(p_of(3)) == 1000);
    CHECK(p.scores[1].score(p_of(0)) == 100);
    REQUIRE(p.header.size() == 3);
    CHECK(p.header[0] == "regcallCutoff=f1 (probability 0.269 to 0.5)");
    CHECK(p.header[1] == "regcallNotCalled=rare");
    CHECK(p.header[2] == "regcallLowPrecision=CTCF.b");
    CHECK(p.notices.empty());
    REQUIRE(p.warnings.size() == 2);
    CHECK(has(p.warnings[0], "nothing is called of rare"));
    CHECK(has(p.warnings[1], "right of CTCF.b"));
}

TEST_CASE("-c fdr takes the level's cutoff, a number is both, and what was said last of a marker counts") {
    const Model model = calibrated_model();
    const CallPlan fdr = plan(model, {"fdr:0.05"});
    CHECK(fdr.rules[0].seed == p_of(2));
    CHECK(fdr.cutoffs[0] == p_of(-2));
    CHECK(fdr.cutoffs[1] == kNever);
    CHECK(fdr.header[0] == "regcallCutoff=fdr:0.05 (probability 0.881)");
    CHECK(fdr.header[1] == "regcallNotCalled=CTCF.b, rare");
    CHECK(fdr.warnings.size() == 1);  // of precisions nothing is said: that is the level

    const CallPlan number = plan(model, {"0.3"});
    CHECK(number.cutoffs[0] == 0.3f);
    CHECK(number.cutoffs[3] == 0.3f);
    CHECK(number.cutoffs[2] < 0.5f);
    CHECK(number.rules[0].seed == 0);
    CHECK(number.rules[0].min_length == 50);
    CHECK(number.scores[0].score(0.3f) == 100);
    CHECK(number.header == std::vector<std::string>{"regcallCutoff=0.3"});
    CHECK(number.warnings.empty());

    const CallPlan mixed = plan(model, {"open=0.9", "fdr:0.1", "CTCF*=0.5", "class:DNase=0.25", "CTCF.b=f1"});
    CHECK(mixed.rules[0].seed == 0);
    CHECK(mixed.cutoffs[0] == 0.5f);
    CHECK(mixed.rules[1].seed == p_of(0));
    CHECK(mixed.cutoffs[3] == 0.25f);
    CHECK(mixed.header[0] == "regcallCutoff=fdr:0.1; CTCF*=0.5; class:DNase=0.25; CTCF.b=f1");
    CHECK(mixed.header[1] == "regcallLowPrecision=CTCF.b");
    CHECK(plan(model, {"0", "open=f1"}).header[0] == "regcallCutoff=0; open=f1");
    CHECK(has(refusal(model, {"X=0.5"}), "-c X: no marker is called that"));
    CHECK(has(refusal(model, {"class:X=0.5"}), "-c class:X: no marker is of this class"));
    CHECK(has(refusal(model, {"CTCF*=1.5"}), "-c CTCF*=1.5: the cutoff is a probability, 0 to 1"));
}

TEST_CASE("least length and gap that were given hold for all markers") {
    SiteOptions given;
    given.min_length = 7;
    CallPlan p = plan_calls(calibrated_model(), given, true, "m");
    CHECK((p.rules[0].min_length == 7 && p.rules[0].merge_gap == 30));
    given = options({"0.5"});
    given.merge_gap = 0;
    p = plan_calls(calibrated_model(), given, true, "m");
    CHECK((p.rules[2].min_length == 50 && p.rules[2].merge_gap == 0));
}

TEST_CASE(
    "raw, and without calibration: runs of plain probabilities, and a notice where nothing was chosen") {
    const Model model = calibrated_model();
    Model plain = model;
    plain.calls.clear();
    SiteOptions raw;
    raw.raw = true;
    for (const CallPlan& p : {plan_calls(model, raw, true, "m"), plan(plain, {}), plan(plain, {"0.5"})}) {
        CHECK_FALSE(p.calibrated);
        CHECK(p.cutoffs == std::vector<float>(4, 0.5f));
        CHECK((p.rules[0].seed == 0 && p.rules[0].merge_gap == 0 && p.rules[0].min_length == 1));
        CHECK(p.scores[0].score(0.7f) == 700);
        CHECK(p.scores[0].minus_log10_q(0.7f) == -1);
        CHECK(p.header == std::vector<std::string>{"regcallCutoff=0.5"});
        CHECK(p.warnings.empty());
    }
    REQUIRE(plan(plain, {}).notices.size() == 1);
    CHECK(has(plan(plain, {}).notices[0], "m.safetensors: is not calibrated"));
    CHECK(has(plan(plain, {}).notices[0], "regeval --calibrate"));
    CHECK(plan(plain, {"open=0.3"}).notices.empty());
    CHECK(plan_calls(plain, raw, true, "m").notices.empty());
    CHECK(plan_calls(plain, raw, false, "m").notices.empty());
    CHECK(plan_calls(plain, {}, false, "m").notices.size() == 1);
    CHECK(plan_calls(model, {}, false, "m").notices.empty());
    CHECK(plan_calls(model, {}, false, "m").calibrated);
    CHECK_FALSE(plan_calls(model, raw, false, "m").calibrated);
    CHECK(plan_calls(model, {}, false, "m").header.empty());

    CHECK(has(refusal(plain, {"f1"}), "-c f1: m.safetensors is not calibrated"));
    CHECK(has(refusal(plain, {"0.5", "open=fdr:0.1"}), "-c open=fdr:0.1: m.safetensors is not calibrated"));
    raw.cutoffs = {parse_cutoff("open=0.3")};
    CHECK_NOTHROW(check_site_options(raw));
    CHECK(plan_calls(model, raw, true, "m").cutoffs[2] == 0.3f);
    raw.cutoffs.push_back(parse_cutoff("fdr:0.1"));
    CHECK(has(refusal([&] { check_site_options(raw); }), "-c fdr:0.1 is a calibrated cutoff"));
}

TEST_CASE("the mean of several models has no calibration, though one of them has") {
    const Model model = calibrated_model();
    const auto of_mean = [&](const SiteOptions& how, bool intervals) {
        return plan_calls(model, how, intervals, "the mean of 2 models", true);
    };
    const CallPlan p = of_mean({}, true);
    CHECK_FALSE((p.calibrated || p.knots.any()));
    CHECK(p.cutoffs == std::vector<float>(4, 0.5f));
    CHECK((p.rules[0].seed == 0 && p.rules[0].merge_gap == 0 && p.rules[0].min_length == 1));
    CHECK(p.header == std::vector<std::string>{"regcallCutoff=0.5"});
    REQUIRE(p.notices.size() == 1);
    CHECK(p.notices[0] ==
          "the mean of 2 models is not calibrated; intervals are where it is at least 0.5 (-c)");
    CHECK(has(of_mean({}, false).notices.at(0), "the probabilities that each gives alone"));
    CHECK(of_mean(options({"0.3"}), true).notices.empty());
    const std::string f1 = refusal([&] { of_mean(options({"f1"}), true); });
    CHECK((has(f1, "the mean of 2 models is not calibrated") && !has(f1, "regeval")));
}

TEST_CASE("coverage has no cutoff of its own, and any number will do") {
    Model model = calibrated_model();
    model.calls.clear();
    model.spec.task = Task::coverage;
    CHECK(has(refusal(model, {}), "give the least coverage of an interval with -c"));
    CHECK(has(refusal(model, {"open=3"}), "give the least coverage of an interval with -c"));
    CHECK(has(refusal(model, {"f1"}), "the model predicts coverage"));
    const CallPlan p = plan(model, {"17", "open=3"});
    CHECK((p.cutoffs[0] == 17 && p.cutoffs[2] == 3));
    CHECK(p.header == std::vector<std::string>{"regcallCutoff=17; open=3"});
    CHECK(plan(model, {"CTCF*=2", "class:DNase=3"}).header ==
          std::vector<std::string>{"regcallCutoff=CTCF*=2; class:DNase=3"});
    CHECK(plan_calls(model, {}, false, "m").notices.empty());
}
