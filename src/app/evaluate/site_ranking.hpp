// Sites ranked by their best cell, and the cutoffs that follow: largest F1, a false discovery rate, q-values.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "app/model/marker_calls.hpp"

namespace regkit {

// Of a marker, or of all of a class together. Two halves, so that a cutoff can be fitted on one and tried on
// the other.
class SiteRanking {
  public:
    // `score`: the calibrated logit of its best cell.
    void add_site(double score, bool matched, int half);
    void add_labels(std::int64_t count, int half) { labels_[static_cast<std::size_t>(half)] += count; }
    void add(const SiteRanking& other);
    // Before anything below is asked.
    void sort();

    std::int64_t labels() const { return labels_[0] + labels_[1]; }

    struct Counts {
        std::int64_t calls = 0, matched = 0;
        std::int64_t labels = 0;
        double precision() const;  // NaN without calls
        double recall() const;     // NaN without labels
        double f1() const;         // 2 matched / (calls + labels); NaN where both are 0
    };
    // Of all, or of one half, at or above a score.
    Counts at(double score) const;
    // Cutoffs; infinite where no site is called. `of_half`: 0, 1, or kBoth.
    static constexpr int kBoth = -1;
    double best_f1(int of_half) const;
    // The lowest at which at least `calls` sites have no more than `rate` false ones.
    double at_rate(int of_half, double rate, std::int64_t calls) const;
    // Each half called by the cutoff that the other one gives.
    using Choose = std::function<double(int of_half)>;
    Counts crossed(const Choose& choose) const;

    SiteCutoff f1_cutoff() const;
    // kNone unless what is crossed has at most that rate and `calls` calls; a stricter rate is tried where
    // there are more.
    SiteCutoff rate_cutoff(double rate, std::int64_t calls) const;
    // Of every score the least false discovery rate of all cutoffs up to it.
    std::vector<MarkerCalls::Rate> rates() const;

  private:
    struct Entry {
        double score;
        bool matched;
        std::uint8_t half;
    };
    std::array<std::int64_t, 2> labels_{};
    std::vector<Entry> entries_;  // the best first

    Counts counts(double score, int of_half) const;
    // Calls take(score, counts) at every score that occurs, from the highest down, with all down to it.
    template <typename Take>
    void walk(int of_half, const Take& take) const;
    SiteCutoff cutoff(double score, const Counts& crossed) const;
};

}  // namespace regkit
