// A sequence is a walk over four bases that takes each of its steps once; any other such walk from the same
// start has the same steps. It gets through if the last steps out of the bases lead to the last base, as a
// tree does; the order of all other steps is free.
#include "app/attribution/base_shuffle.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/splitmix.hpp"
#include "kernels/backend.hpp"

namespace regkit {
namespace {

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::size_t below(std::size_t n) {
        const std::uint64_t bits = splitmix(state_) >> 32;
        state_ += kSplitMixStep;
        return static_cast<std::size_t>(bits * n >> 32);
    }

  private:
    std::uint64_t state_;
};

void shuffle_run(std::span<std::uint8_t> run, Random& random) {
    std::array<std::vector<std::uint8_t>, kSymbols> steps;  // out of each base, those that it goes to
    for (std::size_t i = 0; i + 1 < run.size(); ++i) steps[run[i]].push_back(run[i + 1]);
    // A random tree to the last base: walk until the tree is met, without the loops of the way.
    std::array<bool, kSymbols> in_tree{};
    std::array<std::size_t, kSymbols> last{};
    in_tree[run.back()] = true;
    for (std::uint8_t start = 1; start < kSymbols; ++start) {
        if (steps[start].empty()) continue;
        for (std::uint8_t at = start; !in_tree[at]; at = steps[at][last[at]])
            last[at] = random.below(steps[at].size());
        for (std::uint8_t at = start; !in_tree[at]; at = steps[at][last[at]]) in_tree[at] = true;
    }
    for (std::uint8_t base = 1; base < kSymbols; ++base) {
        std::vector<std::uint8_t>& all = steps[base];
        if (all.empty()) continue;
        std::size_t free = all.size();
        if (base != run.back()) std::swap(all[last[base]], all[--free]);
        for (; free > 1; --free) std::swap(all[free - 1], all[random.below(free)]);
    }
    std::array<std::size_t, kSymbols> taken{};
    for (std::size_t i = 1; i < run.size(); ++i) run[i] = steps[run[i - 1]][taken[run[i - 1]]++];
}

}  // namespace

std::vector<std::uint8_t> shuffle_pairs(std::span<const std::uint8_t> codes, std::uint64_t seed) {
    std::vector<std::uint8_t> shuffled(codes.begin(), codes.end());
    Random random(seed);
    const auto known = [](std::uint8_t code) { return code != 0; };
    for (auto begin = shuffled.begin(); begin != shuffled.end();) {
        const auto end = std::find_if_not(begin, shuffled.end(), known);
        if (end - begin > 2) shuffle_run({begin, end}, random);
        begin = std::find_if(end, shuffled.end(), known);
    }
    return shuffled;
}

}  // namespace regkit
