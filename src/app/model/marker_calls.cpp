// Written with as many digits as tell: a model of hundreds of markers holds thousands of these numbers.
// Reading trusts nothing, since what stands here decides silently what is called.
#include "app/model/marker_calls.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "io/files/bounded_json.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kExact = 9, kFew = 6;  // significant digits
constexpr std::size_t kMostSteps = 64;

// null of what is not finite.
ordered_json number(float value, int digits) {
    if (!std::isfinite(value)) return nullptr;
    char text[32];
    std::snprintf(text, sizeof text, "%.*g", digits, static_cast<double>(value));
    return std::strtod(text, nullptr);
}

ordered_json cutoff_json(const SiteCutoff& cutoff) {
    return {{"seed", number(cutoff.seed, kExact)},
            {"precision", number(cutoff.precision, kFew)},
            {"recall", number(cutoff.recall, kFew)},
            {"calls", cutoff.calls}};
}

// Of one marker; every error names it.
class Reader {
  public:
    Reader(std::string where) : where_(std::move(where)) {}

    void that(bool right, const char* what) const { require(right, ErrorKind::input, where_ + ": " + what); }
    const json& at(const json& object, const char* key) const {
        that(object.is_object() && object.contains(key), (std::string("lacks '") + key + "'").c_str());
        return object.at(key);
    }
    float real(const json& value, const char* what) const {
        that(value.is_number(), what);
        const float result = static_cast<float>(value.get<double>());
        that(std::isfinite(result), what);
        return result;
    }
    float real_or(const json& value, float none, const char* what) const {
        return value.is_null() ? none : real(value, what);
    }
    std::int64_t whole(const json& value, std::int64_t least, const char* what) const {
        that(value.is_number_integer() && value.get<std::int64_t>() >= least &&
                 value.get<std::int64_t>() <= 1'000'000'000,
             what);
        return value.get<std::int64_t>();
    }
    // [[a, b], ...], the first ascending.
    template <typename Step>
    std::vector<Step> steps(const json& list, float Step::*first, float Step::*second,
                            const char* what) const {
        that(list.is_array() && list.size() <= kMostSteps, what);
        std::vector<Step> result;
        for (const json& pair : list) {
            that(pair.is_array() && pair.size() == 2, what);
            Step step;
            step.*first = real(pair[0], what);
            step.*second = real(pair[1], what);
            that(result.empty() || step.*first > result.back().*first, what);
            result.push_back(step);
        }
        return result;
    }
    SiteCutoff cutoff(const json& item) const {
        SiteCutoff cutoff;
        cutoff.seed = real_or(at(item, "seed"), SiteCutoff::kNone, "'seed' is no number");
        for (const auto& [key, member] :
             {std::pair{"precision", &SiteCutoff::precision}, std::pair{"recall", &SiteCutoff::recall}}) {
            cutoff.*member = real_or(at(item, key), std::nanf(""), "a share is no number");
            that(!(cutoff.*member < 0) && !(cutoff.*member > 1), "a share is not in [0, 1]");
        }
        cutoff.calls = at(item, "calls").is_number_integer() ? at(item, "calls").get<std::int64_t>() : -1;
        that(cutoff.calls >= 0, "'calls' is no number of calls");
        return cutoff;
    }
    MarkerCalls calls(const json& item) const {
        MarkerCalls calls;
        calls.probability.slope = real(at(item, "slope"), "'slope' is no number");
        that(calls.probability.slope > 0, "'slope' is not above 0");
        calls.probability.intercept = real(at(item, "intercept"), "'intercept' is no number");
        using Knot = LogitMap::Knot;
        if (item.contains("knots"))
            calls.probability.knots =
                steps<Knot>(item.at("knots"), &Knot::from, &Knot::to, "'knots' do not ascend");
        for (std::size_t i = 1; i < calls.probability.knots.size(); ++i)
            that(calls.probability.knots[i].to > calls.probability.knots[i - 1].to, "'knots' do not ascend");
        calls.extension = real(at(item, "extension"), "'extension' is no number");
        calls.merge_gap = whole(at(item, "merge_gap"), 0, "'merge_gap' is no number of bases");
        calls.min_length = whole(at(item, "min_length"), 1, "'min_length' is no number of bases");
        calls.f1 = cutoff(at(item, "f1"));
        const json& levels = at(item, "fdr");
        that(levels.is_array() && levels.size() == calls.at.size(), "'fdr' has another number of levels");
        for (std::size_t i = 0; i < calls.at.size(); ++i) calls.at[i] = cutoff(levels[i]);
        using Rate = MarkerCalls::Rate;
        calls.rates = steps<Rate>(at(item, "rates"), &Rate::seed, &Rate::rate, "'rates' do not ascend");
        for (std::size_t i = 0; i < calls.rates.size(); ++i) {
            const float rate = calls.rates[i].rate;
            that(rate >= 0 && rate <= 1 && (i == 0 || rate <= calls.rates[i - 1].rate),
                 "'rates' are no false discovery rates that fall");
        }
        return calls;
    }

  private:
    std::string where_;
};

}  // namespace

std::string calls_text(const std::vector<MarkerCalls>& calls) {
    auto list = ordered_json::array();
    for (const MarkerCalls& c : calls) {
        ordered_json item = {{"slope", number(c.probability.slope, kExact)},
                             {"intercept", number(c.probability.intercept, kExact)}};
        if (!c.probability.knots.empty()) {
            auto knots = ordered_json::array();
            for (const LogitMap::Knot& knot : c.probability.knots)
                knots.push_back({number(knot.from, kExact), number(knot.to, kExact)});
            item["knots"] = std::move(knots);
        }
        item["extension"] = number(c.extension, kExact);
        item["merge_gap"] = c.merge_gap;
        item["min_length"] = c.min_length;
        item["f1"] = cutoff_json(c.f1);
        auto levels = ordered_json::array();
        for (const SiteCutoff& cutoff : c.at) levels.push_back(cutoff_json(cutoff));
        item["fdr"] = std::move(levels);
        auto rates = ordered_json::array();
        for (const MarkerCalls::Rate& rate : c.rates)
            rates.push_back({number(rate.seed, kExact), number(rate.rate, kFew)});
        item["rates"] = std::move(rates);
        list.push_back(std::move(item));
    }
    return list.dump();
}

std::vector<MarkerCalls> parse_calls(const std::string& text, std::size_t markers, const std::string& where) {
    const json list = parse_bounded_json(text, where);
    require(list.is_array() && list.size() == markers, ErrorKind::input,
            where + ": is not a list of one object a marker");
    std::vector<MarkerCalls> calls;
    for (const json& item : list)
        calls.push_back(Reader(where + ": marker " + std::to_string(calls.size() + 1)).calls(item));
    return calls;
}

}  // namespace regkit
