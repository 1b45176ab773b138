// Max-pool. x needs no halo. NaN is above every value. A window that holds no position of the row at all
// gives 0 and takes no gradient.
#pragma once

#include <cstdint>

#include "kernels/ops/conv.hpp"
#include "kernels/tensor.hpp"

namespace regkit {

struct PoolGeometry {
    int width = 1;
    int stride = 1;
    int dilation = 1;
    int pad_left = 0;  // padding counts as minus infinity
    int pad_right = 0;

    std::int64_t output_length(std::int64_t length) const {
        return ConvGeometry{width, stride, dilation, pad_left, pad_right}.output_length(length);
    }
};

struct Pool {
    static constexpr const char* kName = "pool";
    View x;
    PoolGeometry geometry;
    View y;

    void check() const;
};

// Of equal values the first takes the gradient.
struct PoolGrad {
    static constexpr const char* kName = "pool_grad";
    View x;
    View dy;
    PoolGeometry geometry;
    bool accumulate = false;
    View dx;

    void check() const;
};

}  // namespace regkit
