// Counts move along with the positions: what comes in is added, what is left behind is taken off.
#include "app/evaluate/baselines/composition.hpp"

#include <algorithm>

#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

constexpr std::uint8_t kC = 2, kG = 3;

// The grid of logits is finest between -4 and 4: there the values are put, 0 lowest and infinity highest.
double to_grid(Composition of, double value) {
    return 8 * (of == Composition::gc ? value : value / (1 + value)) - 4;
}

}  // namespace

std::vector<double> composition(Composition of, std::span<const std::uint8_t> codes, std::int64_t bin,
                                std::int64_t count) {
    const std::int64_t width = bin + 2 * kCompositionReach;
    std::int64_t known = 0, c = 0, g = 0, cpg = 0;
    const auto add_base = [&](std::int64_t at, int sign) {
        const std::uint8_t code = nth(codes, at);
        known += code != kCodeN ? sign : 0;
        c += code == kC ? sign : 0;
        g += code == kG ? sign : 0;
    };
    // Of the bases at `at` and behind it.
    const auto add_pair = [&](std::int64_t at, int sign) {
        cpg += nth(codes, at) == kC && nth(codes, at + 1) == kG ? sign : 0;
    };
    for (std::int64_t at = 0; at < width; ++at) add_base(at, 1);
    for (std::int64_t at = 0; at + 1 < width; ++at) add_pair(at, 1);
    std::vector<double> values(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) {
        double& value = nth(values, i);
        if (of == Composition::gc)
            value = known > 0 ? static_cast<double>(c + g) / static_cast<double>(known) : 0;
        else
            value = c * g > 0 ? static_cast<double>(cpg * known) / static_cast<double>(c * g) : 0;
        if (i + 1 == count) break;
        for (std::int64_t at = i * bin; at < (i + 1) * bin; ++at) {
            add_base(at, -1);
            add_pair(at, -1);
            add_base(at + width, 1);
            add_pair(at + width - 1, 1);
        }
    }
    return values;
}

void CompositionBaseline::score(const ScoredPositions& positions, float* scores, std::int64_t stride) const {
    const std::vector<double> values = composition(of_, positions.codes, positions.bin, positions.count);
    for (std::size_t m = 0; m < falls_.size(); ++m) {
        float* const row = scores + static_cast<std::int64_t>(m) * stride;
        for (std::int64_t i = 0; i < positions.count; ++i) {
            const double value = to_grid(of_, nth(values, i));
            row[i] = static_cast<float>(falls_[m] ? -value : value);
        }
    }
}

}  // namespace regkit
