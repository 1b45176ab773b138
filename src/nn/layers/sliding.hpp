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

// Layer::readers and local_row. Behind a dilation of 3 one position is read by every third.
Lattice sliding_readers(const ConvGeometry& g, const Lattice& in, bool moved);
LocalRow sliding_row(const ConvGeometry& g, const Lattice& out);

}  // namespace regkit
