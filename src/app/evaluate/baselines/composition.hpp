// What bases lie around a position: their content of G and C, and how many CpG there are of those that it
// lets expect.
#pragma once

#include <vector>

#include "app/evaluate/baselines/baseline.hpp"

namespace regkit {

inline constexpr std::int64_t kCompositionReach = 250;

enum class Composition {
    gc,  // (C + G) / (A + C + G + T)
    cpg  // CpG * (A + C + G + T) / (C * G) (Gardiner-Garden and Frommer 1987); 0 without C or G
};
// Of positions i the bases [i * bin, i * bin + bin + 2 * kCompositionReach) of `codes`, those of the
// positions and kCompositionReach on either side; 0 where all are N.
std::vector<double> composition(Composition of, std::span<const std::uint8_t> codes, std::int64_t bin,
                                std::int64_t count);

// Ranks positions by it: the higher first, or the lower first for markers for which it `falls`.
class CompositionBaseline final : public Baseline {
  public:
    CompositionBaseline(Composition of, std::vector<bool> falls) : of_(of), falls_(std::move(falls)) {}
    std::int64_t reach() const override { return kCompositionReach; }
    void score(const ScoredPositions& positions, float* scores, std::int64_t stride) const override;

  private:
    Composition of_;
    std::vector<bool> falls_;  // of each marker
};

}  // namespace regkit
