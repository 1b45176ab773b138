// How well a transcription factor's motif matches around a position.
#pragma once

#include <memory>
#include <vector>

#include "app/evaluate/baselines/baseline.hpp"
#include "io/motifs/meme.hpp"

namespace regkit {

inline constexpr std::int64_t kMotifReach = 100;
// What stands for no match: below all that the grid of logits tells apart.
inline constexpr float kNoMatch = -100;

// Log-odds of a motif against its file's background, in bits: log2((p n + b) / (n + 1) / b) of a base with
// probability p in the motif, counted from n sites (20 where it is not known), and b in the background.
class MotifScan {
  public:
    MotifScan(const Motif& motif, const BaseProbabilities& background);

    std::int64_t width() const { return width_; }
    // Of each of the matches that begin at codes[0], codes[1], ... the score of the better strand, kNoMatch
    // where a base is N; codes.size() - width() + 1 of them, none where that is less.
    std::vector<float> scores(std::span<const std::uint8_t> codes) const;

  private:
    // A table of 5 x 5 codes for every two bases of a match, of a strand; where the width is odd, the last
    // one's second base does not count.
    using PairTable = std::vector<float>;

    std::int64_t width_;
    std::vector<PairTable> strands_[2];
};

// The best match whose middle lies within kMotifReach bases of the position, of the marker's motif.
class MotifBaseline final : public Baseline {
  public:
    // `motif_of`: of each marker one of `motifs`, or -1: none, and 0 everywhere. They are kept, not copied.
    MotifBaseline(std::shared_ptr<const std::vector<MotifScan>> motifs, std::vector<int> motif_of);
    std::int64_t reach() const override { return reach_; }
    void score(const ScoredPositions& positions, float* scores, std::int64_t stride) const override;

  private:
    std::shared_ptr<const std::vector<MotifScan>> motifs_;
    std::vector<int> motif_of_;
    std::int64_t reach_ = kMotifReach;
};

}  // namespace regkit
