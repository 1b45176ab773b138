// What inference and training of the fused tail share: how columns are laid out and where packed weights lie.
//
// Columns of a block are nucleotides, phase by phase: column j * lanes + i is nucleotide (first + i) * stride
// + j of the coarse position first + i, so that the up-convolution, dropout and all gradients see vectors of
// coarse positions.
#pragma once

#include <algorithm>

#include "kernels/backend.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"

namespace regkit::cpu {

// y rows (columns [0, columns)) = w x + bias, for one dense layer or one phase of the up-convolution. `in`
// counts rows of x.
inline TileArgs product(const float* packed, int in, int out, const float* x, std::int64_t x_stride, float* y,
                        std::int64_t y_stride, std::int64_t columns) {
    TileArgs args;
    args.x = x;
    args.x_stride = x_stride;
    args.offset = kNoOffset;
    args.in = in;
    args.w = packed;
    args.y = y;
    args.y_stride = y_stride;
    args.out = out;
    args.end = args.valid = columns;
    return args;
}

// Rows of z as a product in bf16 reads them: pairs of rows in `words`, which may be z with the same stride.
inline void pair_rows(const Kernels& kernels, const float* z, std::int64_t stride, int rows,
                      std::int64_t columns, float* words, std::int64_t words_stride) {
    for (int r = 0; r < rows; r += 2)
        kernels.bf16->pair(z + r * stride, r + 1 < rows ? z + (r + 1) * stride : nullptr, columns,
                           words + r / 2 * words_stride);
}

inline void run_all(const TileKernels& kernel, const TileArgs& args) {
    kernel.run(args, 0, Blocks(args.out, kernel.block).count);
}

// One packing of a weight matrix, and its place in the plan's memory.
struct Packing {
    const float* w = nullptr;
    std::int64_t w_out = 0, w_tap = 0, w_in = 0;
    int out = 0, taps = 1, in = 0;
    float* packed = nullptr;
};

// Hands out pieces of one borrowed array; with no array it only adds up what they need.
class Carve {
  public:
    explicit Carve(float* memory) : memory_(memory) {}
    float* take(std::int64_t count) {
        float* const piece = memory_ ? memory_ + used_ : nullptr;
        used_ += round_up(count, kAlign);
        return piece;
    }
    std::int64_t used() const { return used_; }

  private:
    float* memory_;
    std::int64_t used_ = 0;
};

}  // namespace regkit::cpu
