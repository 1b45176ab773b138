// The choices are laid over each other, marker by marker, so that what was said last of a marker is left. A
// cutoff that is a number is where a cell is called, and nothing more is asked of a site; a stored one asks
// for one cell at the seed among cells at the extension.
#include "app/call/call_cutoffs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "kernels/base/error.hpp"
#include "kernels/base/number.hpp"

namespace regkit {
namespace {

using Kind = CutoffChoice::Kind;

constexpr const char* kPlain = "0.5";
constexpr double kLowPrecision = 0.2;

std::string levels() {
    std::string text;
    const auto& all = MarkerCalls::kLevels;
    for (std::size_t i = 0; i < all.size(); ++i)
        text += (i == 0 ? "" : i + 1 < all.size() ? ", " : " and ") + number_text(all[i]);
    return text;
}

std::string option_text(const CutoffChoice& choice) {
    return "-c " + (choice.pattern.empty() ? "" : choice.pattern + "=") + choice.text;
}

const SiteCutoff& stored(const MarkerCalls& calls, const CutoffChoice& choice) {
    return choice.kind == Kind::f1 ? calls.f1 : calls.at[choice.level];
}

class Planner {
  public:
    Planner(const Model& model, const SiteOptions& options, const std::string& path, bool ensemble)
        : model_(model), options_(options), path_(path), ensemble_(ensemble) {
        plan_.calibrated = !ensemble && !options.raw && !model.calls.empty();
        if (plan_.calibrated) plan_.knots = KnotMaps(model.calls);
    }

    CallPlan plan(bool intervals) {
        const std::size_t markers = model_.markers.size();
        plan_.cutoffs.assign(markers, std::numeric_limits<float>::infinity());
        plan_.rules.resize(markers);
        plan_.scores.resize(markers);
        if (!plan_.calibrated && !coverage() && !options_.raw && options_.cutoffs.empty())
            plan_.notices.push_back(uncalibrated(intervals));
        if (!intervals) return std::move(plan_);
        choose();
        for (std::size_t m = 0; m < markers; ++m) set_rules(m);
        tell();
        return std::move(plan_);
    }

  private:
    bool coverage() const { return model_.spec.task == Task::coverage; }

    std::string uncalibrated(bool intervals) const {
        if (ensemble_)
            return path_ + " is not calibrated; " +
                   (intervals ? "intervals are where it is at least 0.5 (-c)"
                              : "values are of the probabilities that each gives alone");
        return path_ + ": is not calibrated; " +
               (intervals ? "intervals are where its own probability is at least 0.5"
                          : "values are its own probabilities") +
               " (`regeval --calibrate` cures that)";
    }

    void choose() {
        if (!coverage()) default_ = parse_cutoff(plan_.calibrated ? "f1" : kPlain);
        chosen_.assign(model_.markers.size(), &default_);
        for (const CutoffChoice& choice : options_.cutoffs) {
            check(choice);
            if (choice.pattern.empty())
                std::ranges::fill(chosen_, &choice);
            else
                for (const int m : select_markers(model_.markers, {choice.pattern}, "-c"))
                    chosen_[static_cast<std::size_t>(m)] = &choice;
        }
        require(!coverage() || std::ranges::find(chosen_, &default_) == chosen_.end(), ErrorKind::usage,
                "the model predicts coverage: give the least coverage of an interval with -c");
    }

    void check(const CutoffChoice& choice) const {
        if (choice.kind == Kind::value) {
            require(coverage() || choice.value <= 1, ErrorKind::usage,
                    option_text(choice) + ": the cutoff is a probability, 0 to 1");
            return;
        }
        require(
            !coverage(), ErrorKind::usage,
            option_text(choice) + ": the model predicts coverage; give the least coverage of an interval");
        require(plan_.calibrated, ErrorKind::usage,
                option_text(choice) + ": " + path_ +
                    " is not calibrated and has no such cutoff; give a probability, as -c 0.5" +
                    (ensemble_ ? "" : ", or calibrate it: `regeval --calibrate`"));
    }

    void set_rules(std::size_t m) {
        const CutoffChoice& choice = *chosen_[m];
        CallRules& rules = plan_.rules[m];
        double seed = 0;  // logit
        float cutoff = static_cast<float>(choice.value);
        if (choice.kind == Kind::value) {
            seed = logit_of(choice.value);
        } else {
            const SiteCutoff& site = stored(model_.calls[m], choice);
            const std::string& name = model_.markers[m].name;
            if (site.seed == SiteCutoff::kNone) {
                none_.push_back(name);
                return;
            }
            if (choice.kind == Kind::f1 && static_cast<double>(site.precision) < kLowPrecision)
                unsure_.push_back(name);
            seed = static_cast<double>(site.seed);
            rules.seed = static_cast<float>(probability_of(seed));
            cutoff = static_cast<float>(probability_of(static_cast<double>(model_.calls[m].extension)));
        }
        plan_.cutoffs[m] = plan_.knots.before(static_cast<int>(m), cutoff);
        if (plan_.calibrated) {
            const MarkerCalls& calls = model_.calls[m];
            rules.merge_gap = calls.merge_gap;
            rules.min_length = calls.min_length;
            plan_.scores[m] = SiteScore(calls, seed);
        }
        rules.merge_gap = options_.merge_gap.value_or(rules.merge_gap);
        rules.min_length = options_.min_length.value_or(rules.min_length);
    }

    // What holds for all markers, where it is a stored cutoff with the probabilities that it stands for, then
    // what was said of some behind it.
    std::string cutoffs_text() const {
        const CutoffChoice* all = &default_;
        std::string exceptions;
        for (const CutoffChoice& choice : options_.cutoffs) {
            if (choice.pattern.empty()) {
                all = &choice;
                exceptions.clear();
            } else {
                exceptions += "; " + choice.pattern + "=" + choice.text;
            }
        }
        float least = 1, most = 0;
        for (std::size_t m = 0; m < chosen_.size(); ++m) {
            if (chosen_[m] != all || all->kind == Kind::value || plan_.rules[m].seed == 0) continue;
            least = std::min(least, plan_.rules[m].seed);
            most = std::max(most, plan_.rules[m].seed);
        }
        const auto text = [](float value) { return number_text(static_cast<double>(value), "%.3g"); };
        if (all->text.empty()) return exceptions.substr(2);  // of coverage
        if (least < most)
            return all->text + " (probability " + text(least) + " to " + text(most) + ")" + exceptions;
        return all->text + (least == most ? " (probability " + text(least) + ")" : "") + exceptions;
    }

    void tell() {
        plan_.header.push_back("regcallCutoff=" + cutoffs_text());
        if (!none_.empty()) {
            plan_.header.push_back("regcallNotCalled=" + some_of(none_));
            plan_.warnings.push_back(
                "nothing is called of " + some_of(none_) +
                ": on the validation windows too few sites reach such a cutoff; -c takes "
                "a probability too, also of some markers alone, as NAME=0.5");
        }
        if (unsure_.empty()) return;
        plan_.header.push_back("regcallLowPrecision=" + some_of(unsure_));
        plan_.warnings.push_back(
            "fewer than one in five sites may be right of " + some_of(unsure_) +
            " (the precision that -c f1 had on the validation windows); -c fdr:0.2 calls "
            "those alone of which four in five are right, if there are any");
    }

    const Model& model_;
    const SiteOptions& options_;
    const std::string& path_;
    bool ensemble_;
    CallPlan plan_;
    CutoffChoice default_;  // of coverage there is none
    std::vector<const CutoffChoice*> chosen_;
    std::vector<std::string> none_, unsure_;
};

}  // namespace

CutoffChoice parse_cutoff(const std::string& text) {
    CutoffChoice choice;
    const std::size_t equals = text.rfind('=');
    const bool named = equals != std::string::npos;
    if (named) choice.pattern = text.substr(0, equals);
    choice.text = named ? text.substr(equals + 1) : text;
    const std::string wrong = "-c " + quoted(text) + ": ";
    require(!named || !choice.pattern.empty(), ErrorKind::usage, wrong + "no name of a marker before '='");
    constexpr std::string_view kFdr = "fdr:";
    if (choice.text == "f1") {
        choice.kind = Kind::f1;
    } else if (choice.text.starts_with(kFdr)) {
        choice.kind = Kind::fdr;
        const auto level = parse_real(std::string_view(choice.text).substr(kFdr.size()));
        const auto found =
            std::ranges::find_if(MarkerCalls::kLevels, [&](double known) { return level == known; });
        require(found != MarkerCalls::kLevels.end(), ErrorKind::usage,
                wrong + "models have cutoffs for false discovery rates of " + levels());
        choice.level = static_cast<std::size_t>(found - MarkerCalls::kLevels.begin());
    } else {
        const auto value = parse_real(choice.text);
        require(value && *value >= 0 && *value <= std::numeric_limits<float>::max(), ErrorKind::usage,
                wrong + "not f1, fdr:LEVEL, a number of at least 0, or NAME= and one of these");
        choice.value = *value;
    }
    return choice;
}

void check_site_options(const SiteOptions& options) {
    for (const CutoffChoice& choice : options.cutoffs)
        require(!options.raw || choice.kind == Kind::value, ErrorKind::usage,
                option_text(choice) + " is a calibrated cutoff; --raw calls by the model's own probability");
}

CallPlan plan_calls(const Model& model, const SiteOptions& options, bool intervals, const std::string& path,
                    bool ensemble) {
    return Planner(model, options, path, ensemble).plan(intervals);
}

}  // namespace regkit
