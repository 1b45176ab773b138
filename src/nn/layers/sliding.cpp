// Shapes of what slides over its input, and which of its outputs see a position.
#include "nn/layers/sliding.hpp"

#include <algorithm>

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

Cells sliding_reached(const ConvGeometry& g, const Cells& in, std::int64_t length) {
    Cells out;
    for (const std::int64_t q : in)
        for (int t = 0; t < g.width; ++t) {
            const std::int64_t from_start = q + g.pad_left - std::int64_t{t} * g.dilation;  // = p * stride
            if (from_start < 0) break;
            if (from_start % g.stride == 0 && from_start / g.stride < length)
                out.push_back(from_start / g.stride);
        }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

}  // namespace regkit
