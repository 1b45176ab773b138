// Where the CPU back end keeps a tensor: lanes = positions.
//
// [batch][channel][row]; a row is  left padding | length | right padding, all in floats. The body starts on a
// 64-byte boundary; the padding holds the halo, and on the right also what the last tile of a row may read
// beyond it. The operation that writes a tensor zeroes both paddings, so that consumers read zeros without
// any test. Everything derives from (shape, halo) of a View, so a buffer re-viewed at a smaller shape needs
// no bookkeeping.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/base/arithmetic.hpp"
#include "kernels/tensor.hpp"

namespace regkit::cpu {

inline constexpr std::int64_t kAlign = 16;    // floats in 64 bytes; a multiple of every vector length used
inline constexpr std::int64_t kOverrun = 32;  // a register tile is at most 32 positions wide

using regkit::round_up;

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

// The least row stride for `count` floats that is an odd number of cache lines, so that the rows of
// neighbouring channels do not compete for the same cache sets.
constexpr std::int64_t odd_stride(std::int64_t count) {
    const std::int64_t stride = round_up(count, kAlign);
    return stride / kAlign % 2 == 0 ? stride + kAlign : stride;
}

struct Rows {
    float* origin = nullptr;  // position 0 of the first row
    std::int64_t batch = 0, channels = 0, length = 0;
    std::int64_t stride = 0;  // from row to row
    std::int64_t left = 0;    // readable before a row's position 0
    std::int64_t right = 0;   // readable from position `length` on

    float* row(std::int64_t sample, std::int64_t channel) const {
        return origin + (sample * channels + channel) * stride;
    }
    // Zeroes the paddings of one row.
    void zero_edges(float* row) const {
        std::fill(row - left, row, 0.0f);
        std::fill(row + length, row + length + right, 0.0f);
    }
};

inline Rows rows_of(float* data, const Shape& shape, const Halo& halo) {
    Rows rows;
    rows.batch = shape.batch;
    rows.channels = shape.channels;
    rows.length = shape.length;
    rows.left = round_up(halo.left, kAlign);
    rows.stride = odd_stride(rows.left + shape.length + halo.right + kOverrun);
    rows.right = rows.stride - rows.left - rows.length;
    rows.origin = data + rows.left;
    return rows;
}

inline Rows rows_of(const View& view) {
    return rows_of(static_cast<float*>(view.data), view.shape, view.halo);
}

inline std::int64_t floats_of(const Shape& shape, const Halo& halo) {
    return rows_of(nullptr, shape, halo).stride * shape.batch * shape.channels;
}

inline float* floats(const Slice& slice) {
    return slice ? static_cast<float*>(slice.data) + slice.offset : nullptr;
}

// The array that it lies in, if nothing but a write changes that.
inline const void* constant_array(const Slice& slice) {
    return slice.constant ? slice.data : nullptr;
}

}  // namespace regkit::cpu
