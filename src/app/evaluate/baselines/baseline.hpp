// Scores of positions by other means than a trained network: what a model has to be better than. They are
// given as a network's logits are, so that the same counts and metrics are made of them.
#pragma once

#include <cstdint>
#include <span>

#include "app/evaluate/scoring.hpp"
#include "kernels/base/thread_pool.hpp"

namespace regkit {

// The outputs of a window, of `bin` bases each, side by side.
struct ScoredPositions {
    std::span<const std::uint8_t> codes;  // their bases, and `reach` more on either side; N beyond the contig
    std::int64_t reach = 0, bin = 1, count = 0;
    std::int64_t window = 0;  // its number in the data set
};

class Baseline {
  public:
    virtual ~Baseline() = default;
    // How many bases beyond a position's own on either side its score depends on.
    virtual std::int64_t reach() const = 0;
    // The score of each marker at each position: those of marker m from scores + m * stride on. Finite,
    // higher where the marker is likelier; between -88 and 90 what differs by 1/64 is told apart
    // (metrics.hpp). On any thread, several at once.
    virtual void score(const ScoredPositions& positions, float* scores, std::int64_t stride) const = 0;
};

// Gives the scores of all outputs of the windows to `count`, with what of them counts and their labels, as
// count_windows does those of a network; `markers`: how many the baseline has. False when stopped.
bool count_baseline(const Baseline& baseline, std::int64_t markers, const LabelledWindows& windows,
                    ThreadPool& pool, const CountPositions& count);

}  // namespace regkit
