// Rows put together of others: what a layer reads in a window that differs from kept ones in a few positions
// (src/nn/cone.hpp).
#pragma once

#include <cstdint>
#include <span>

#include "kernels/tensor.hpp"

namespace regkit {

// Where the values of one row of the result come from. Positions are counted as in `left`'s row.
struct SplicePiece {
    std::int64_t left = 0, right = 0;  // samples of the tensors of the same names
    std::int64_t first = 0;            // the position of the result's first value
    std::int64_t border = 0;           // positions from here on are of `right`,
    std::int64_t shift = 0;            // where they are this much smaller
    std::int64_t changed = 0;          // the position of the first changed value
};

// y[s][c][j] is the value of position p = first + j * step: of changed[s][c] where that holds it, which is at
// positions changed + i * changed_step; else of left, or from `border` on of right; 0 outside of their rows.
// Lengths may differ; channels may not.
struct Splice {
    static constexpr const char* kName = "splice";
    View left, right;
    View changed = {};                        // may be none
    std::int64_t step = 1, changed_step = 1;  // changed_step is a multiple of step
    std::span<const SplicePiece> pieces;      // host memory, one a sample of y
    View y;

    void check() const;
};

}  // namespace regkit
