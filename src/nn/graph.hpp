// A Spec with its names resolved and its shapes worked out. Internal to src/nn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/base/nth.hpp"
#include "nn/spec.hpp"

namespace regkit {

inline constexpr int kSequence = -1;  // as an input: the window's codes
inline constexpr int kBases = 4;      // channels of a one-hot sequence

// A part of a flat array.
struct Range {
    std::int64_t offset = 0;
    std::int64_t count = 0;  // 0: none
};

struct Node {
    std::vector<int> inputs;     // layer indexes, or kSequence
    std::vector<int> consumers;  // layers that read this one, ascending
    int weights = 0;             // layer that owns its weight and bias: itself, unless they are shared
    int channels_in = 0;         // of its first input; of a flattened one channels * positions
    int channels = 0;
    int directions = 1;  // of an LSTM
    // Convolution or pool. The padding is the same for every window that is a multiple of Graph::stride.
    ConvGeometry geometry;
    int scale = 1;            // bases per position of the output
    std::int64_t length = 0;  // positions of spec.window bases
    // Behind a dense layer that flattens: one position a window. The tensor is (1, channels, batch).
    bool flat = false;

    PoolGeometry pool() const {
        return {geometry.width, geometry.stride, geometry.dilation, geometry.pad_left, geometry.pad_right};
    }
};

struct Graph {
    std::vector<Node> nodes;  // one a layer, same order
    int stride = 1;           // windows must be a multiple of it; of a fixed window that window
    bool fixed_window = false;
    bool finite_context = true;
    std::vector<int> heads;  // layers that the heads read, in their order
    int head = 0;            // the prediction's: the last

    // The layer's output for a batch of windows of `length` bases.
    Shape shape(int layer, std::int64_t batch, std::int64_t length) const {
        const Node& n = nth(nodes, layer);
        if (n.flat) return {1, n.channels, batch};
        return {batch, n.channels, fixed_window ? n.length : length / n.scale};
    }
};

// Throws Error(input) "SOURCE: layer 'x': ..." when names, channels or lengths do not fit.
Graph resolve(const Spec& spec, int markers, const std::string& source);

}  // namespace regkit
