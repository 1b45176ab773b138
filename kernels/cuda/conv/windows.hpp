// What the convolutions of compute capability 9.0 have in common: windows of x, which TMA brings once for all
// taps, and how rows follow one another in them (sm90.cu).
#pragma once

#include "kernels/base/arithmetic.hpp"
#include "kernels/cuda/hopper.hpp"
#include "kernels/cuda/rows.hpp"

namespace regkit::cuda {

inline constexpr int kWindowTile = 256;  // rows of y
inline constexpr int kMostHalo = 256;    // rows of a window of x behind as many as a tile has
inline constexpr int kRowBytes = kRowTile * static_cast<int>(sizeof(Bf16));
static_assert(kTileColumns == kRowTile);

// Plain data, passed to kernels by value.
struct RowLines {
    std::int64_t length;  // positions of y
    bool is_stepped;
    Steps steps;        // of x
    std::int64_t rows;  // of a line of y
    int lines;          // of a sample
    int tiles;          // of a line
    int pitch;          // rows of x from a tap to the next
    int first;          // row of x that the first tap of y's row 0 reads
    int halo;           // rows of a window behind those of its tile

    // Of y's sample that a line's row is in; `length`: none.
    __device__ std::int64_t position(std::int64_t line, std::int64_t row) const {
        if (!is_stepped) return row;
        const std::int64_t p = steps.position(line, row);
        return p < 0 ? length : p;
    }
    __host__ __device__ int window_rows() const { return kWindowTile + halo; }
};

// For `taps` taps at each of `length` positions, the first `shift` before it; windows reach over
// `window_taps` of them.
inline RowLines lines_of(std::int64_t length, std::int64_t dilation, std::int64_t shift, std::int64_t taps,
                         std::int64_t window_taps) {
    RowLines lines{};
    lines.length = length;
    lines.is_stepped = (window_taps - 1) * dilation > kMostHalo;
    lines.rows = length;
    lines.lines = 1;
    lines.pitch = static_cast<int>(dilation);
    lines.first = static_cast<int>(-shift);
    if (lines.is_stepped) {
        lines.steps = steps_of(length, dilation, taps);
        lines.rows = steps_of(length, dilation, 1).rows();
        lines.lines = static_cast<int>(lines.steps.lines);
        lines.pitch = Steps::kAbreast;
        lines.first = 0;
    }
    lines.halo = static_cast<int>(round_up((window_taps - 1) * lines.pitch, 8));
    lines.tiles = static_cast<int>(blocks_for(lines.rows, kWindowTile));
    return lines;
}

// Whether windows are possible, and their tiles' rows most of them in use.
inline bool fits_windows(const RowLines& lines) {
    return lines.halo <= kMostHalo &&
           2 * lines.length >= std::int64_t{lines.lines} * lines.tiles * kWindowTile;
}

// x and y as rows in their lines.
inline Rows input_rows_of(const Tensor& x, const RowLines& lines, std::int64_t shift, Scratch& scratch) {
    return lines.is_stepped ? stepped_rows_of(x, shift, lines.steps, Scratch::kConvInput, scratch)
                            : rows_of(x, Scratch::kConvInput, scratch);
}
inline Rows output_rows_of(const Tensor& y, const RowLines& lines, Scratch& scratch) {
    return lines.is_stepped ? stepped_rows_of(y, 0, steps_of(lines.length, lines.steps.dilation, 1),
                                              Scratch::kConvGradient, scratch)
                            : rows_of(y, Scratch::kConvGradient, scratch);
}

inline CUtensorMap map_of(const Rows& rows, const RowLines& lines, int tile_rows) {
    const std::int64_t length = rows.length / lines.lines;
    return tiled_lines(rows.data, rows.batch * lines.lines, length * rows.channels, length, rows.channels,
                       rows.channels, tile_rows);
}

// Of x: as many rows as a tile has, and those behind them.
struct WindowMaps {
    CUtensorMap tile, halo;
};

inline WindowMaps window_maps_of(const Rows& rows, const RowLines& lines) {
    WindowMaps maps{};
    maps.tile = map_of(rows, lines, kWindowTile);
    if (lines.halo > 0) maps.halo = map_of(rows, lines, lines.halo);
    return maps;
}

// Starts the copies of a window, lines.window_rows() * kRowBytes in all.
__device__ inline void copy_window(Bf16* to, const WindowMaps& maps, const RowLines& lines, int line, int row,
                                   int column, PhaseBarrier& full) {
    copy_line_tile(to, maps.tile, line, row, column, full);
    if (lines.halo > 0)
        copy_line_tile(to + kWindowTile * kRowTile, maps.halo, line, row + kWindowTile, column, full);
}

}  // namespace regkit::cuda
