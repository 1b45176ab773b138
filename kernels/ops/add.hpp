// Sums and concatenations of tensors.
#pragma once

#include "kernels/tensor.hpp"

namespace regkit {

// y += x
struct Add {
    static constexpr const char* kName = "add";
    View x;
    View y;

    void check() const;
};

// y[s][y_begin + c][p] = (or += when `accumulate`) x[s][x_begin + c][p] for c in [0, count): concatenation
// and its gradient. Channels of y outside keep their values; those inside get a halo of zeros, unless it
// accumulates.
struct CopyChannels {
    static constexpr const char* kName = "copy_channels";
    View x;
    int x_begin = 0;
    View y;
    int y_begin = 0;
    int count;
    bool accumulate = false;

    void check() const;
};

}  // namespace regkit
