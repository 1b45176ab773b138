// A calibrated model's file: everything is as it was after a way there and back, and what cannot be right is
// refused by marker.
#include "app/model/marker_calls.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "app/model/model_info.hpp"
#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

MarkerCalls some() {
    MarkerCalls calls;
    calls.probability = {0.75f, -0.1f, {{-3.5f, -4.0f}, {0.1f, 0.3f}}};
    calls.extension = -2.123456789f;
    calls.merge_gap = 120;
    calls.min_length = 75;
    calls.f1 = {-1.5f, 0.5f, 0.25f, 321};
    calls.at[0] = {SiteCutoff::kNone, std::nanf(""), 0, 0};
    calls.at[1] = {1.25f, 0.9f, 0.125f, 40};
    calls.at[2] = {0.5f, 0.8125f, 0.1875f, 60};
    calls.rates = {{-2, 0.75f}, {-1, 0.5f}, {2, 0}};
    return calls;
}

std::string refusal(const std::string& from, const std::string& to) {
    std::string text = calls_text({some(), some()});
    const auto at = text.rfind(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    try {
        parse_calls(text, 2, "x");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::input);
        return error.what();
    }
    return "none";
}

}  // namespace

TEST_CASE("calls: there and back") {
    const std::string text = calls_text({some(), MarkerCalls{}});
    const std::vector<MarkerCalls> back = parse_calls(text, 2, "x");
    CHECK(calls_text(back) == text);
    const MarkerCalls a = some(), &b = back[0];
    CHECK(b.extension == a.extension);
    CHECK(b.probability.slope == a.probability.slope);
    REQUIRE(b.probability.knots.size() == 2);
    CHECK(b.probability.knots[0].to == a.probability.knots[0].to);
    CHECK(b.at[0].seed == SiteCutoff::kNone);
    CHECK(std::isnan(b.at[0].precision));
    CHECK(b.at[2].calls == 60);
    REQUIRE(b.rates.size() == 3);
    CHECK(b.rates[1].rate == 0.5f);
    CHECK(back[1].f1.seed == SiteCutoff::kNone);
    CHECK(back[1].rates.empty());
}

TEST_CASE("calls: what cannot be right is refused") {
    CHECK(refusal("\"slope\":0.75", "\"slope\":0") == "x: marker 2: 'slope' is not above 0");
    CHECK(refusal("\"slope\":0.75", "\"slope\":\"1\"") == "x: marker 2: 'slope' is no number");
    CHECK(refusal("\"intercept\":", "\"offset\":") == "x: marker 2: lacks 'intercept'");
    CHECK(refusal("[0.100000001,0.300000012]", "[-4,0.3]") == "x: marker 2: 'knots' do not ascend");
    CHECK(refusal("[0.100000001,0.300000012]", "[0.1,-5]") == "x: marker 2: 'knots' do not ascend");
    CHECK(refusal("\"merge_gap\":120", "\"merge_gap\":-1") ==
          "x: marker 2: 'merge_gap' is no number of bases");
    CHECK(refusal("\"merge_gap\":120", "\"merge_gap\":1.5") ==
          "x: marker 2: 'merge_gap' is no number of bases");
    CHECK(refusal("\"precision\":0.8125", "\"precision\":1.5") == "x: marker 2: a share is not in [0, 1]");
    CHECK(refusal("[-1.0,0.5]", "[-1.0,0.8]") ==
          "x: marker 2: 'rates' are no false discovery rates that fall");
    CHECK(refusal("[-1.0,0.5]", "[-3.0,0.5]") == "x: marker 2: 'rates' do not ascend");
    CHECK(refusal("\"extension\":-2.12345672", "\"extension\":1e60") ==
          "x: marker 2: 'extension' is no number");
    CHECK_THROWS_AS(parse_calls(calls_text({some()}), 2, "x"), Error);
    CHECK_THROWS_AS(parse_calls("{}", 0, "x"), Error);
    CHECK_THROWS_AS(parse_calls("[1,", 1, "x"), Error);
}
