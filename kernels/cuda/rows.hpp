// Operands of kernels on tensor cores: bf16, the channels of one position side by side in a row, and how 64
// channels of such rows lie in shared memory.
#pragma once

#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"
#include "kernels/cuda/tensor_core.hpp"

namespace regkit::cuda {

inline constexpr int kRowUnit =
    16;  // a row's channels are rounded up to it: what one product of matrices takes
inline constexpr int kRowTile = 64;  // channels of a row that lie in shared memory at a time: 128 bytes
inline constexpr int kChunks = kRowTile / kCopied;

// [batch][length][channels]; channels beyond the tensor's are zero.
struct Rows {
    const Bf16* data;
    std::int64_t batch, length, channels;
};

// Rounded from fp32; in `slot` until the next use of it.
Rows rows_of(const Tensor& x, Scratch::Slot slot, Scratch& scratch);
// The same in `length` rows, of which row r holds position r - before of x: zero where x has none.
Rows padded_rows_of(const Tensor& x, std::int64_t before, std::int64_t length, Scratch::Slot slot,
                    Scratch& scratch);

// An order of a sample's positions in which the taps of a wide dilation lie a few rows apart: lines of steps,
// of which one is kAbreast positions that follow one another, and the next those that are `dilation` further
// on.
struct Steps {
    static constexpr int kAbreast = 8;
    std::int64_t dilation;
    std::int64_t lines;  // of a sample
    std::int64_t count;  // of a line

    __host__ __device__ std::int64_t rows() const { return count * kAbreast; }
    // Of a line's row; -1: none, as where a line goes beyond the dilation.
    __host__ __device__ std::int64_t position(std::int64_t line, std::int64_t row) const {
        const std::int64_t first = line * kAbreast + row % kAbreast;
        return first < dilation ? first + row / kAbreast * dilation : -1;
    }
};

// For `taps` taps at each of `length` positions.
inline Steps steps_of(std::int64_t length, std::int64_t dilation, std::int64_t taps) {
    const std::int64_t firsts = length < dilation ? length : dilation;
    return {dilation, (firsts + Steps::kAbreast - 1) / Steps::kAbreast,
            (length + dilation - 1) / dilation + taps - 1};
}

// Rows in that order, [batch][line][row][channels]: that of position p holds position p - before of x.
Rows stepped_rows_of(const Tensor& x, std::int64_t before, const Steps& steps, Scratch::Slot slot,
                     Scratch& scratch);

// Where a chunk of kCopied values of a tile's row begins. The exclusive or puts the same chunk of eight rows
// that follow one another into all 32 banks, so that the warp loads a matrix in one turn.
__host__ __device__ inline int swizzled(int row, int chunk) {
    return row * kRowTile + (chunk ^ (row % 8)) * kCopied;
}

// Rows in parts of kRowTile channels, one behind the other, swizzled.
struct SwizzledRows {
    Bf16* data;
    int rows;
    __device__ Bf16* part(int number) const { return data + number * rows * kRowTile; }
    // As swizzled(), in bits that the compiler sees through: what depends on the lane alone it computes once.
    __device__ Bf16* at(int row, int column) const {
        return part(column >> 6) + row * kRowTile + ((column & 63) ^ (row & 7) * kCopied);
    }
};

// The positions of a row are taken kSegment at a time that lie `dilation` apart, so that the taps of a
// convolution read kSegment + width - 1 positions, each once, whatever the dilation. Segments are numbered so
// that neighbours hold neighbouring positions.
inline constexpr int kSegment = 32;

__host__ __device__ inline std::int64_t first_of_segment(std::int64_t number, std::int64_t dilation) {
    return number / dilation * dilation * kSegment + number % dilation;
}

// The segments that hold positions below `length`.
__host__ __device__ inline std::int64_t segments_of(std::int64_t length, std::int64_t dilation) {
    const std::int64_t whole = (length - 1) / (dilation * kSegment);
    const std::int64_t rest = length - whole * dilation * kSegment;
    return whole * dilation + (rest < dilation ? rest : dilation);
}

}  // namespace regkit::cuda
