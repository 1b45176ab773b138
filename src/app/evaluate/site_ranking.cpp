// A ranking is walked from the best site down; whatever is asked of it is a property of some prefix.
#include "app/evaluate/site_ranking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace regkit {
namespace {

constexpr double kNowhere = std::numeric_limits<double>::infinity();
constexpr std::size_t kMostRates = 64;
constexpr double kStricter = 0.9, kStrictest = 0.25;  // steps, and the end, of rates that are tried

}  // namespace

double SiteRanking::Counts::precision() const {
    return calls > 0 ? static_cast<double>(matched) / static_cast<double>(calls) : std::nan("");
}

double SiteRanking::Counts::recall() const {
    return labels > 0 ? static_cast<double>(matched) / static_cast<double>(labels) : std::nan("");
}

double SiteRanking::Counts::f1() const {
    return calls + labels > 0 ? 2 * static_cast<double>(matched) / static_cast<double>(calls + labels)
                              : std::nan("");
}

void SiteRanking::add_site(double score, bool matched, int half) {
    entries_.push_back({score, matched, static_cast<std::uint8_t>(half)});
}

void SiteRanking::add(const SiteRanking& other) {
    for (std::size_t h = 0; h < 2; ++h) labels_[h] += other.labels_[h];
    entries_.insert(entries_.end(), other.entries_.begin(), other.entries_.end());
}

void SiteRanking::sort() {
    std::stable_sort(entries_.begin(), entries_.end(),
                     [](const Entry& a, const Entry& b) { return a.score > b.score; });
}

template <typename Take>
void SiteRanking::walk(int of_half, const Take& take) const {
    Counts sum;
    sum.labels = of_half == kBoth ? labels() : labels_[static_cast<std::size_t>(of_half)];
    for (std::size_t i = 0; i < entries_.size();) {
        const double score = entries_[i].score;
        for (; i < entries_.size() && entries_[i].score == score; ++i) {
            if (of_half != kBoth && entries_[i].half != of_half) continue;
            ++sum.calls;
            sum.matched += entries_[i].matched;
        }
        take(score, sum);
    }
}

SiteRanking::Counts SiteRanking::counts(double score, int of_half) const {
    Counts found;
    found.labels = of_half == kBoth ? labels() : labels_[static_cast<std::size_t>(of_half)];
    walk(of_half, [&](double at, const Counts& sum) {
        if (at >= score) found = sum;
    });
    return found;
}

SiteRanking::Counts SiteRanking::at(double score) const {
    return counts(score, kBoth);
}

double SiteRanking::best_f1(int of_half) const {
    double best = 0, where = kNowhere;
    walk(of_half, [&](double score, const Counts& sum) {
        if (sum.matched > 0 && sum.f1() > best) {
            best = sum.f1();
            where = score;
        }
    });
    return where;
}

double SiteRanking::at_rate(int of_half, double rate, std::int64_t calls) const {
    double where = kNowhere;
    walk(of_half, [&](double score, const Counts& sum) {
        if (sum.calls >= calls && 1 - sum.precision() <= rate) where = score;
    });
    return where;
}

SiteRanking::Counts SiteRanking::crossed(const Choose& choose) const {
    Counts sum;
    for (const int half : {0, 1}) {
        const Counts of = counts(choose(1 - half), half);
        sum.calls += of.calls;
        sum.matched += of.matched;
        sum.labels += of.labels;
    }
    return sum;
}

SiteCutoff SiteRanking::cutoff(double score, const Counts& crossed) const {
    return {static_cast<float>(score), static_cast<float>(crossed.precision()),
            static_cast<float>(crossed.recall()), at(score).calls};
}

SiteCutoff SiteRanking::f1_cutoff() const {
    return cutoff(best_f1(kBoth), crossed([&](int half) { return best_f1(half); }));
}

SiteCutoff SiteRanking::rate_cutoff(double rate, std::int64_t calls) const {
    for (double part = 1; part >= kStrictest; part *= kStricter) {
        const double score = at_rate(kBoth, part * rate, calls);
        if (score == kNowhere) break;
        // Of a half, half as many calls.
        const Counts tried = crossed([&](int half) { return at_rate(half, part * rate, calls / 2); });
        if (tried.calls > 0 && 1 - tried.precision() <= rate) return cutoff(score, tried);
    }
    return {};
}

std::vector<MarkerCalls::Rate> SiteRanking::rates() const {
    std::vector<MarkerCalls::Rate> all;
    walk(kBoth, [&](double score, const Counts& sum) {
        all.push_back({static_cast<float>(score), static_cast<float>(1 - sum.precision())});
    });
    std::reverse(all.begin(), all.end());  // ascending scores
    float least = 1;
    std::vector<MarkerCalls::Rate> steps;
    for (MarkerCalls::Rate& rate : all) {
        least = std::min(least, rate.rate);
        if (steps.empty() || least < steps.back().rate) steps.push_back({rate.seed, least});
    }
    if (steps.size() <= kMostRates) return steps;
    std::vector<MarkerCalls::Rate> some;  // as many, evenly among them, the last one too
    for (std::size_t i = 0; i < kMostRates; ++i)
        some.push_back(steps[i * (steps.size() - 1) / (kMostRates - 1)]);
    return some;
}

}  // namespace regkit
