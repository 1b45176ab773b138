// A Spec with its names resolved and its shapes worked out. Internal to src/nn.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/backend.hpp"
#include "nn/spec.hpp"

namespace regkit {

inline constexpr int kSequence = -1;  // as an input: the window's codes

struct Node {
    std::vector<int> inputs;     // layer indexes, or kSequence
    std::vector<int> consumers;  // layers that read this one, ascending
    int channels_in = 0;         // of one input
    int channels = 0;
    // Convolution or pool. The padding is the same for every window that is a multiple of Graph::stride.
    ConvGeometry geometry;
    int scale = 1;  // bases per position of the output

    PoolGeometry pool() const {
        return {geometry.width, geometry.stride, geometry.dilation, geometry.pad_left, geometry.pad_right};
    }
};

struct Graph {
    std::vector<Node> nodes;  // one a layer, same order
    int stride = 1;           // least common multiple of the scales: windows must be a multiple of it
    int head = 0;             // layer that the head reads
};

// Throws Error(input) "SOURCE: layer 'x': ..." when names, channels or lengths do not fit.
Graph resolve(const Spec& spec, int markers, const std::string& source);

// "conv", "up_conv", ...
const char* to_string(LayerType type);

}  // namespace regkit
