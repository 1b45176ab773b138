// Three passes over the spool, a marker at a time. The first counts codes, from which probabilities follow.
// The second cuts sites by every rule that a class may have, matches them, and keeps the rule's best F1. The
// third cuts them by the rule of the class and ranks them by their best cell; every cutoff is a place in that
// ranking. Codes are compared by their lower edges, so that a cutoff holds for logits between two codes too.
#include "app/evaluate/call_fit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "app/evaluate/class_values.hpp"
#include "app/evaluate/probability_fit.hpp"
#include "app/evaluate/site_ranking.hpp"
#include "app/evaluate/sites.hpp"
#include "app/model/calibrated.hpp"
#include "kernels/base/nth.hpp"
#include "kernels/sinks.hpp"

namespace regkit {
namespace {

constexpr std::size_t kMostMemory = std::size_t{1} << 28;  // of codes that are read at a time

// Of the positions that sites may cover, by the prevalence; of gap and least length, by the labels' length.
constexpr std::array kShares{0.125, 0.25, 0.5, 1.0, 2.0, 4.0};
constexpr std::array kGaps{0.0, 0.1, 0.25, 0.5, 1.0};
constexpr std::array kLengths{0.0, 0.25, 0.5};
constexpr double kLongest = 1.4;  // calls over labels in length, or labels over calls
constexpr std::int64_t kSomeLabels =
    50;  // with as many, a marker that its class never calls is called by its own
constexpr std::int64_t kFewLabels = 10;  // of fewer, a marker has no say in its class's rule

struct Rule {
    double share = 1, gap = 0, length = 0;
};
std::vector<Rule> all_rules() {
    std::vector<Rule> rules;
    for (const double share : kShares)
        for (const double gap : kGaps)
            for (const double length : kLengths) rules.push_back({share, gap, length});
    return rules;
}

int half_of(std::int64_t place) {
    return static_cast<int>(place / kSiteBlock % 2);
}

// Calls work(marker, rows) for every marker, several side by side.
void each_marker(const CodeSpool& spool, ThreadPool& pool, const std::function<void()>& tick,
                 const std::function<void(int, const std::vector<CodeRow>&)>& work) {
    const std::size_t fit = kMostMemory / static_cast<std::size_t>(std::max<std::int64_t>(spool.cells(), 1));
    const int together = static_cast<int>(
        std::clamp<std::size_t>(fit, 1, static_cast<std::size_t>(std::max(pool.workers(), 1))));
    std::vector<std::vector<std::uint8_t>> memory(static_cast<std::size_t>(together));
    for (int first = 0; first < spool.markers(); first += together) {
        const int here = std::min(together, spool.markers() - first);
        std::vector<std::vector<CodeRow>> rows;
        for (int i = 0; i < here; ++i) rows.push_back(spool.read(first + i, nth(memory, i)));
        pool.run(here, [&](std::int64_t i, int) { work(first + static_cast<int>(i), nth(rows, i)); });
        tick();
    }
}

CodeCounts counts_of(const std::vector<CodeRow>& rows, std::int64_t cell,
                     const std::vector<LineRange>& labels) {
    CodeCounts counts;
    const auto add = [&](const CodeRow& row, std::int64_t from, std::int64_t to, auto member) {
        while (from < to) {
            const std::int64_t place = row.begin + from * cell;
            const std::int64_t stop =
                std::min(to, from + std::max<std::int64_t>(1, (kSiteBlock - place % kSiteBlock) / cell));
            auto& of = nth(counts.halves, half_of(place)).*member;
            for (std::int64_t i = from; i < stop; ++i) ++of[nth(row.codes, i)];
            from = stop;
        }
    };
    for (const CodeRow& row : rows) {
        const auto cells = static_cast<std::int64_t>(row.codes.size());
        add(row, 0, cells, &CodeCounts::Half::all);
        auto label = std::partition_point(labels.begin(), labels.end(),
                                          [&](const LineRange& l) { return l.end <= row.begin; });
        for (; label != labels.end() && label->begin < row.begin + cells * cell; ++label)
            add(row, std::max<std::int64_t>(0, (label->begin - row.begin) / cell),
                std::min(cells, (label->end - row.begin + cell - 1) / cell), &CodeCounts::Half::positive);
    }
    std::int64_t bases = 0;
    for (const LineRange& label : labels) bases += label.end - label.begin;
    if (!labels.empty())
        counts.label_cells = std::max(
            1.0, static_cast<double>(bases) / static_cast<double>(cell) / static_cast<double>(labels.size()));
    return counts;
}

// The least code that no more than a share of the positions reach; the highest one that any has, at most.
std::uint8_t extension_code(const CodeCounts& counts, double share) {
    double all = 0, above = 0;
    std::size_t highest = 1;
    const auto at = [&](std::size_t code) {
        return static_cast<double>(counts.halves[0].all[code] + counts.halves[1].all[code]);
    };
    for (std::size_t code = 1; code < 256; ++code) {
        all += at(code);
        if (at(code) > 0) highest = code;
    }
    std::size_t code = 256;
    while (code > 1 && above + at(code - 1) <= share * all) above += at(--code);
    return static_cast<std::uint8_t>(std::min(code, highest));
}

// What of a marker is known before its sites.
struct Known {
    CodeCounts counts;
    LogitMap map;
    SiteMatch match = SiteMatch::summit;
    double prevalence = 0, label_length = 0;
    std::int64_t labels = 0;
    std::size_t of_class = 0;
};

std::vector<std::int64_t> lengths_of(const std::vector<LineRange>& ranges) {
    std::vector<std::int64_t> lengths;
    for (const LineRange& range : ranges) lengths.push_back(range.end - range.begin);
    return lengths;
}

// The lowest logit that has this code, calibrated.
double lower_edge(const LogitMap& map, int code) {
    return apply(map, (code - kLogitCodeZero - 0.5) / static_cast<double>(kLogitCodesPerUnit));
}

// The least code whose lower edge is at or above a calibrated logit.
std::uint8_t code_of_cutoff(const LogitMap& map, float cutoff) {
    constexpr double kRounding = 1e-4;  // of floats on the way there and back
    int code = 255;
    while (code > 1 && lower_edge(map, code - 1) >= static_cast<double>(cutoff) - kRounding) --code;
    return static_cast<std::uint8_t>(code);
}

struct Class {
    MarkerClass of;
    double label_length = 1;  // median over markers
    Rule rule;

    std::int64_t bases(double share) const { return std::llround(share * label_length); }
    SiteRules rules(const Known& marker, const Rule& r) const {
        return {extension_code(marker.counts, r.share * marker.prevalence), bases(r.gap),
                std::max<std::int64_t>(1, bases(r.length))};
    }
};

// Of calls that are so many times as long as labels: 0 where that is near enough, else how far off they are.
double misfit(double length) {
    if (!std::isfinite(length) || length <= 0) return std::numeric_limits<double>::max();
    const double times = std::max(length, 1 / length);
    return times <= kLongest ? 0 : times;
}

// What a rule comes to for a marker.
struct Trial {
    double f1 = 0, length = 0;  // of calls over labels
};

class Fitter {
  public:
    Fitter(const CodeSpool& spool, const std::vector<Marker>& markers, ThreadPool& pool,
           const std::function<void()>& tick)
        : spool_(spool), markers_(markers), pool_(pool), tick_(tick), known_(markers.size()) {}

    CallFit fit() {
        count();
        choose_rules();
        rank();
        CallFit fit;
        for (std::size_t m = 0; m < known_.size(); ++m) fit.calls.push_back(calls_of(m));
        for (const Class& c : classes_) fit.classes.push_back(summary_of(c));
        return fit;
    }

  private:
    void count() {
        each_marker(spool_, pool_, tick_, [&](int m, const std::vector<CodeRow>& rows) {
            Known& known = nth(known_, m);
            const std::vector<LineRange>& labels = spool_.labels(m);
            known.counts = counts_of(rows, spool_.cell(), labels);
            known.labels = std::ssize(labels);
            known.label_length = median_length(lengths_of(labels));
            known.match = site_match(nth(markers_, m), labels);
            double all = 0, positive = 0;
            for (const CodeCounts::Half& half : known.counts.halves)
                for (std::size_t code = 1; code < 256; ++code) {
                    all += static_cast<double>(half.all[code]);
                    positive += static_cast<double>(half.positive[code]);
                }
            const bool own = spool_.labels(m).size() >= kOwnSites && all > 0;
            known.prevalence = own ? positive / all : nth(markers_, m).prevalence;
        });
        for (const MarkerClass& c : classes_of(markers_)) {
            for (const std::size_t m : c.markers) known_[m].of_class = classes_.size();
            classes_.push_back({c, 1, {}});
        }
        for (Class& c : classes_) {
            std::vector<CodeCounts> counts;
            std::vector<double> lengths;
            for (const std::size_t m : c.of.markers) {
                counts.push_back(nth(known_, m).counts);
                if (nth(known_, m).labels > 0) lengths.push_back(nth(known_, m).label_length);
            }
            if (!lengths.empty()) c.label_length = median_of(lengths);
            std::vector<LogitMap> maps = fit_probabilities(counts);
            for (std::size_t i = 0; i < maps.size(); ++i)
                nth(known_, c.of.markers[i]).map = std::move(maps[i]);
        }
    }

    // Sites of a marker by a rule of its class, matched.
    std::vector<Site> cut(int m, const std::vector<CodeRow>& rows, const SiteRules& rules,
                          const std::vector<std::vector<CodeRun>>& runs) const {
        std::vector<Site> sites;
        for (std::size_t r = 0; r < rows.size(); ++r) sites_of(rows[r], spool_.cell(), runs[r], rules, sites);
        match_sites(sites, spool_.labels(m), nth(known_, m).match);
        return sites;
    }

    static std::vector<std::vector<CodeRun>> runs_of(const std::vector<CodeRow>& rows,
                                                     std::uint8_t extension) {
        std::vector<std::vector<CodeRun>> runs;
        for (const CodeRow& row : rows) runs.push_back(code_runs(row.codes, extension));
        return runs;
    }

    SiteRanking ranking_of(int m, const std::vector<Site>& sites) const {
        SiteRanking ranking;
        for (const Site& site : sites)
            ranking.add_site(lower_edge(nth(known_, m).map, site.best), site.matched, half_of(site.summit));
        for (const LineRange& label : spool_.labels(m)) ranking.add_labels(1, half_of(label.begin));
        ranking.sort();
        return ranking;
    }

    void choose_rules() {
        const std::vector<Rule> rules = all_rules();
        std::vector<std::vector<Trial>> trials(known_.size());
        each_marker(spool_, pool_, tick_, [&](int m, const std::vector<CodeRow>& rows) {
            if (nth(known_, m).labels < kFewLabels) return;
            std::vector<std::vector<CodeRun>> runs;
            double share = 0;
            for (const Rule& rule : rules) {
                const SiteRules r = class_of(m).rules(nth(known_, m), rule);
                if (rule.share != share) runs = runs_of(rows, r.extension);
                share = rule.share;
                nth(trials, m).push_back(trial(m, cut(m, rows, r, runs)));
            }
        });
        for (Class& c : classes_) {
            std::pair best{-std::numeric_limits<double>::infinity(), -1.0};
            for (std::size_t r = 0; r < rules.size(); ++r) {
                std::vector<double> f1, lengths;
                for (const std::size_t m : c.of.markers)
                    if (!nth(trials, m).empty()) {
                        f1.push_back(nth(trials, m)[r].f1);
                        if (std::isfinite(nth(trials, m)[r].length))
                            lengths.push_back(nth(trials, m)[r].length);
                    }
                if (f1.empty()) break;
                double mean = 0;
                for (const double value : f1) mean += value / static_cast<double>(f1.size());
                const std::pair found{-misfit(median_of(lengths)), mean};
                if (found <= best) continue;
                best = found;
                c.rule = rules[r];
            }
        }
    }

    Trial trial(int m, const std::vector<Site>& sites) const {
        const SiteRanking ranking = ranking_of(m, sites);
        const double cutoff = ranking.best_f1(SiteRanking::kBoth);
        std::vector<std::int64_t> lengths;
        for (const Site& site : sites)
            if (lower_edge(nth(known_, m).map, site.best) >= cutoff)
                lengths.push_back(site.bases.end - site.bases.begin);
        return {ranking.at(cutoff).f1(), median_length(lengths) / nth(known_, m).label_length};
    }

    void rank() {
        rankings_.resize(known_.size());
        pooled_.resize(classes_.size());
        called_.assign(known_.size(), std::nan(""));
        each_marker(spool_, pool_, tick_, [&](int m, const std::vector<CodeRow>& rows) {
            const SiteRules rules = class_of(m).rules(nth(known_, m), class_of(m).rule);
            const std::vector<Site> sites = cut(m, rows, rules, runs_of(rows, rules.extension));
            nth(rankings_, m) = ranking_of(m, sites);
            nth(called_, m) = trial(m, sites).length * nth(known_, m).label_length;
        });
        for (std::size_t m = 0; m < known_.size(); ++m) pooled_[known_[m].of_class].add(rankings_[m]);
        for (SiteRanking& ranking : pooled_) ranking.sort();
    }

    bool own(std::size_t m) const { return spool_.labels(static_cast<int>(m)).size() >= kOwnSites; }

    // It has some labels, and no site of it reaches the class's cutoff: what few labels tell is better than
    // nothing.
    bool is_never_called(std::size_t m) const {
        return known_[m].labels >= kSomeLabels &&
               rankings_[m].at(pooled_[known_[m].of_class].best_f1(SiteRanking::kBoth)).calls == 0;
    }

    MarkerCalls calls_of(std::size_t m) const {
        const Class& c = classes_[known_[m].of_class];
        const SiteRules rules = c.rules(known_[m], c.rule);
        const SiteRanking& ranking =
            own(m) || is_never_called(m) ? rankings_[m] : pooled_[known_[m].of_class];
        MarkerCalls calls;
        calls.probability = known_[m].map;
        calls.extension = static_cast<float>(lower_edge(known_[m].map, rules.extension));
        calls.merge_gap = rules.merge_gap;
        calls.min_length = rules.min_length;
        calls.f1 = ranking.f1_cutoff();
        for (std::size_t level = 0; level < MarkerCalls::kLevels.size(); ++level)
            calls.at[level] = ranking.rate_cutoff(MarkerCalls::kLevels[level], kLeastCalls);
        calls.rates = ranking.rates();
        return calls;
    }

    ClassSites summary_of(const Class& c) const {
        ClassSites sum;
        sum.class_name = c.of.name;
        sum.markers = static_cast<int>(c.of.markers.size());
        std::vector<double> called, labelled;
        for (const std::size_t m : c.of.markers) {
            sum.curves += !nth(known_, m).map.knots.empty();
            if (nth(known_, m).labels == 0) continue;
            const SiteRanking& ranking = nth(rankings_, m);
            const SiteRanking::Counts counts =
                ranking.crossed([&](int half) { return ranking.best_f1(half); });
            ++sum.labelled;
            sum.f1 += counts.f1();
            sum.recall += counts.recall();
            sum.precision += counts.calls > 0 ? counts.precision() : 0;
            labelled.push_back(nth(known_, m).label_length);
            if (std::isfinite(nth(called_, m))) called.push_back(nth(called_, m));
        }
        for (double* mean : {&sum.f1, &sum.recall, &sum.precision}) *mean /= sum.labelled;
        sum.called_length = median_of(called);
        sum.label_length = median_of(labelled);
        return sum;
    }

    const Class& class_of(int m) const { return classes_[nth(known_, m).of_class]; }

    const CodeSpool& spool_;
    const std::vector<Marker>& markers_;
    ThreadPool& pool_;
    const std::function<void()>& tick_;
    std::vector<Known> known_;
    std::vector<Class> classes_;
    std::vector<SiteRanking> rankings_, pooled_;  // of markers, of classes
    std::vector<double> called_;                  // median lengths of markers' calls
};

}  // namespace

CallFit fit_calls(const CodeSpool& spool, const std::vector<Marker>& markers, ThreadPool& pool,
                  const std::function<void()>& tick) {
    return Fitter(spool, markers, pool, tick).fit();
}

std::vector<SiteMetrics> site_metrics(const CodeSpool& spool, const std::vector<Marker>& markers,
                                      const std::vector<MarkerCalls>& calls, ThreadPool& pool) {
    std::vector<SiteMetrics> metrics(markers.size());
    each_marker(
        spool, pool, [] {},
        [&](int m, const std::vector<CodeRow>& rows) {
            const MarkerCalls& call = nth(calls, m);
            const std::vector<LineRange>& labels = spool.labels(m);
            const SiteRules rules{code_of_cutoff(call.probability, call.extension), call.merge_gap,
                                  call.min_length};
            const std::uint8_t seed = code_of_cutoff(call.probability, call.f1.seed);
            std::vector<Site> sites;
            for (const CodeRow& row : rows)
                sites_of(row, spool.cell(), code_runs(row.codes, rules.extension), rules, sites);
            std::erase_if(sites,
                          [&](const Site& site) { return site.best < seed || !std::isfinite(call.f1.seed); });
            match_sites(sites, labels, site_match(nth(markers, m), labels));
            SiteMetrics& result = nth(metrics, m);
            std::vector<std::int64_t> lengths;
            for (const Site& site : sites) {
                lengths.push_back(site.bases.end - site.bases.begin);
                result.matched += site.matched;
            }
            result.labels = std::ssize(labels);
            result.calls = std::ssize(sites);
            result.called_length = median_length(lengths);
            result.label_length = median_length(lengths_of(labels));
        });
    return metrics;
}

}  // namespace regkit
