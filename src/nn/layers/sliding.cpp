// Shapes of what slides over its input, and which of its outputs see a position.
#include "nn/layers/sliding.hpp"

#include <algorithm>
#include <numeric>

#include "kernels/base/arithmetic.hpp"

namespace regkit {

void slide(const Shaping& s) {
    const LayerSpec& l = s.layer;
    Node& n = s.node;
    const std::int64_t reach = std::int64_t{l.width - 1} * l.dilation;
    s.check(reach <= kMaxReach, "width times dilation is too large");
    s.check(std::int64_t{n.scale} * l.stride <= kMaxScale,
            "the strides multiply to more than a million bases");
    std::int64_t padding = 0;
    if (l.padding == Padding::same)
        padding = std::max<std::int64_t>(
            ((n.length + l.stride - 1) / l.stride - 1) * l.stride + reach + 1 - n.length, 0);
    n.geometry = {l.width, l.stride, l.dilation, static_cast<int>(padding / 2),
                  static_cast<int>(padding - padding / 2)};
    n.scale *= l.stride;
    n.length = n.geometry.output_length(n.length);
}

Lattice sliding_readers(const ConvGeometry& g, const Lattice& in, bool moved) {
    const std::int64_t reach = std::int64_t{g.width - 1} * g.dilation;
    // The first position whose last tap does not lie before `in`, and the first whose first tap lies behind.
    Lattice out{-floor_div(reach - g.pad_left - in.first, g.stride), 1, 0};
    if (in.count == 0 && !moved) return out;
    const std::int64_t end = floor_div(in.end() - 1 + g.pad_left, g.stride) + 1;
    if (!moved && g.stride == 1)
        out.step = g.width == 1 ? in.step : std::gcd(in.count > 1 ? in.step : 0, std::int64_t{g.dilation});
    out.count = std::max<std::int64_t>(0, floor_div(end - 1 - out.first, out.step) + 1);
    return out;
}

LocalRow sliding_row(const ConvGeometry& g, const Lattice& out) {
    const std::int64_t first = out.first * g.stride - g.pad_left;
    if (g.stride > 1) {
        const std::int64_t reach = std::int64_t{g.width - 1} * g.dilation;
        return {{first, 1, (out.count - 1) * g.stride + reach + 1}, {g.width, g.stride, g.dilation, 0, 0}};
    }
    const int apart = g.width > 1 ? static_cast<int>(g.dilation / out.step) : 1;
    return {{first, out.step, out.count + std::int64_t{g.width - 1} * apart}, {g.width, 1, apart, 0, 0}};
}

}  // namespace regkit
