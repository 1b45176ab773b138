// Logistic regression of presence on how often each k-mer stands near a position, and how often beyond, a
// k-mer and its reverse complement being the same.
#pragma once

#include <memory>
#include <vector>

#include "app/evaluate/baselines/baseline.hpp"

namespace regkit {

// Found best, of these, on human chromosome 20 (test/bench/RESULTS.md).
struct KmerSettings {
    int k = 5;  // at most 7
    // K-mers count by themselves that lie within `near` bases of a position, and those beyond up to `reach`.
    std::int64_t near = 100, reach = 250;
    std::int64_t stride = 50;        // bases between positions that are learnt from, at least
    std::int64_t samples = 200'000;  // of them at most: more are further apart
    int epochs = 5;
    float rate = 0.01f;     // of Adagrad (Duchi, Hazan and Singer 2011)
    float penalty = 1e-3f;  // of squared weights
};

class KmerRegression final : public Baseline {
  public:
    // Learns from positions that count, evenly spread over the windows; each marker by itself, so that the
    // result depends on neither the other markers nor the threads. Holds the bases of all samples, 128 MiB at
    // most. Nullptr where no position counts, or when stopped.
    static std::unique_ptr<KmerRegression> fit(const KmerSettings& settings, std::int64_t markers,
                                               const LabelledWindows& windows, ThreadPool& pool);

    // Of a marker: whether it was present at some of the samples and absent at others.
    bool learnt(std::size_t marker) const { return learnt_[marker]; }
    std::int64_t reach() const override { return settings_.reach; }
    void score(const ScoredPositions& positions, float* scores, std::int64_t stride) const override;

  private:
    KmerRegression(const KmerSettings& settings, std::int64_t markers);

    KmerSettings settings_;
    std::size_t markers_;
    // Features are k-mers that lie near, k-mers beyond, and one for what holds an N, whose weight stays 0.
    std::vector<std::uint16_t> feature_of_;  // of each k-mer as a number of 2 k bits, where it lies near
    std::size_t kmers_ = 0;
    std::vector<float> weights_;  // [feature][marker]
    std::vector<double> bias_;
    std::vector<bool> learnt_;

    // Of the k-mers around a position: from `near` on to `behind` those near it, before and behind those up
    // to `end` beyond.
    struct Zones {
        std::size_t near, behind, end;
    };
    Zones zones(std::int64_t bin) const;
    struct Samples;
    bool gather(const LabelledWindows& windows, Samples& samples) const;
    void learn(const Samples& samples, std::size_t block);
    // Of the k-mers that begin at codes[0], codes[1], ...
    void features(std::span<const std::uint8_t> codes, std::uint16_t* out) const;
};

}  // namespace regkit
