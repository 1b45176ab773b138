// What one layer takes in the first prediction by the CPU back end, estimated on the high side (nn/cost.cpp).
#pragma once

#include "nn/graph.hpp"

namespace regkit {

inline constexpr double kRowPadding = 96;  // positions: alignment and what vectors read beyond the end
inline constexpr double kWorkers = 16;
// Multiply and add are two; below what matrix products reach on one core.
inline constexpr double kFlopsPerSecond = 2e10;
inline constexpr double kElementsPerSecond = 1e9;  // of maxima, sums and look-ups

// Bytes that it adds to memory, while it runs and afterwards, and seconds.
struct LayerCost {
    double kept = 0, scratch = 0, seconds = 0;
};

// How much a layer has to do in a prediction.
struct LayerExtent {
    const LayerSpec& layer;
    const Node& node;
    double bases;         // of the window
    double read, length;  // positions of its first input and of its output
    bool looks_up;        // reads a sequence layer as a table

    double in() const { return node.channels_in; }
    double out() const { return node.channels; }
    double reach() const {
        return static_cast<double>(node.geometry.pad_left) + static_cast<double>(node.geometry.pad_right);
    }
};

// Seconds of sums of `in` products; blocks of outputs and strips of positions are computed whole.
inline double products(double in, double out, double length) {
    return 2 * in * (out + 8) * (length + 32) / kFlopsPerSecond;
}

}  // namespace regkit
