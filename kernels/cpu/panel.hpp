// Matrix products c[m][n] = sum over k of a[m][k] * b[k][n] on the register tile (simd/tile.cpp), for
// operands that are not tensors of rows.
//
// Lanes are columns. b lies in strips as wide as the tile: element (k, n) at b[n / strip * b_strip + k *
// strip + n % strip], so that a strip of one piece of k (24 KB) streams through the first cache; a is read
// where it lies, `block` rows at a time, each value broadcast, or as TileKernels::pack put it. A sum over a
// long k is cut into pieces, whose chains go on through c: the cut changes no bit.
#pragma once

#include <hwy/cache_control.h>

#include <algorithm>

#include "kernels/cpu/tail.hpp"

namespace regkit::cpu {

struct Panel {
    const float* a = nullptr;
    std::int64_t a_row = 0;
    int rows = 0, depth = 0;
    const float* packed = nullptr;  // a as TileKernels::pack puts it, for one piece of k; or none
    const float* b = nullptr;
    std::int64_t b_strip = 0;
    std::int64_t columns = 0;
    float* c = nullptr;  // whole vectors are written; columns from `columns` on get zeros
    std::int64_t c_row = 0;
    const float* bias = nullptr;  // [rows] or none
    bool resume = false;          // start from c
    bool relu = false;
};

// Longest piece of k whose strip stays in the first cache.
inline int panel_depth(const TileKernels& kernel) {
    return 24 * 1024 / static_cast<int>(sizeof(float)) / kernel.strip;
}

// Strips from which `columns` columns are made.
inline std::int64_t strips_of(const TileKernels& kernel, std::int64_t columns) {
    return ceil_div(columns, kernel.strip);
}

// Strip `j` of a panel for k in [begin, end).
inline TileArgs strip_args(const TileKernels& kernel, const Panel& p, std::int64_t j, int begin, int end) {
    const std::int64_t columns = std::min<std::int64_t>(kernel.strip, p.columns - j * kernel.strip);
    TileArgs args =
        product(p.a + begin, end - begin, p.rows, p.b + j * p.b_strip + std::int64_t{begin} * kernel.strip,
                kernel.strip, p.c + j * kernel.strip, p.c_row, columns);
    args.w_stride = p.a_row;
    if (p.packed) {
        args.w = p.packed;
        args.w_stride = 0;
    }
    args.resume = p.resume || begin > 0;
    args.bias = args.resume ? nullptr : p.bias;
    args.relu = p.relu && end == p.depth;
    return args;
}

// The whole product; a is the operand that passes by again and again, so it should fit the second cache.
// Calls between() after every tile of `block` rows.
template <typename Between>
void multiply(const TileKernels& kernel, const Panel& p, const Between& between) {
    const Blocks pieces(p.depth, panel_depth(kernel)), blocks(p.rows, kernel.block);
    for (int piece = 0; piece < pieces.count; ++piece)
        for (std::int64_t j = 0; j < strips_of(kernel, p.columns); ++j) {
            const TileArgs args = strip_args(kernel, p, j, pieces.begin(piece), pieces.begin(piece + 1));
            for (int b = 0; b < blocks.count; ++b) {
                kernel.run(args, b, b + 1);
                between();
            }
        }
}
inline void multiply(const TileKernels& kernel, const Panel& p) {
    multiply(kernel, p, [] {});
}

// Asks for the cache lines of a matrix that comes next, a few at a time, so that they arrive while tiles are
// worked on.
class Ahead {
  public:
    Ahead() = default;
    Ahead(const float* matrix, std::int64_t row, std::int64_t rows, std::int64_t columns)
        : matrix_(matrix), row_(row), lines_(ceil_div(columns, kAlign)), left_(rows * lines_) {}

    std::int64_t left() const { return left_; }
    void ask(std::int64_t count) {
        for (; count > 0 && left_ > 0; --count, --left_) {
            hwy::Prefetch(matrix_ + line_ * kAlign);
            if (++line_ < lines_) continue;
            line_ = 0;
            matrix_ += row_;
        }
    }

  private:
    const float* matrix_ = nullptr;
    std::int64_t row_ = 0, lines_ = 0, line_ = 0, left_ = 0;
};

// to[c * to_stride + r] = from[r * from_stride + c], and nothing else read or written.
inline void transpose(const TailKernels& kernel, const float* from, std::int64_t from_stride,
                      std::int64_t rows, std::int64_t columns, float* to, std::int64_t to_stride) {
    const std::int64_t whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
    kernel.transpose(from, from_stride, whole_rows, whole_columns, to, to_stride);
    for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = r < whole_rows ? whole_columns : 0; c < columns; ++c)
            to[c * to_stride + r] = from[r * from_stride + c];
}

}  // namespace regkit::cpu
