// What slides over its input: convolutions and pools.
#pragma once

#include "kernels/ops/conv.hpp"
#include "nn/layers/layer.hpp"

namespace regkit {

// Padding and output length, as TensorFlow's SAME and VALID.
void slide(const Shaping& shaping);

inline Span sliding_reach(const ConvGeometry& g, Span out) {
    return {out.low * g.stride - g.pad_left,
            out.high * g.stride - g.pad_left + std::int64_t{g.width - 1} * g.dilation};
}

// Positions p in [0, length) with p * stride - pad_left + t * dilation in `in` for a tap t.
Cells sliding_reached(const ConvGeometry& g, const Cells& in, std::int64_t length);

}  // namespace regkit
