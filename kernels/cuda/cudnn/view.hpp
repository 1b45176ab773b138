// A convolution as cuDNN is given it: of two dimensions, channels last, without dilation and without padding.
//
// Each sample of x lies in a buffer of places: position q in place q + pad_left, zero in all others. The
// places are seen as rows of `columns` = dilation places. Output p = h * columns + c then reads places (h +
// t) * columns + c for its taps t: column c of the rows from h on. So a filter of `taps` x 1 does what the
// dilated one did, on the same memory, and it is the filters without dilation that cuDNN has its fastest
// kernels for.
//
// The outputs fill whole rows too: places from out_length on are computed and mean nothing. A gradient of y
// must be zero there, since both gradients read these places.
//
// With a stride there is one column, and the filter has the stride.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "kernels/cuda/conv/problem.hpp"

namespace regkit::cuda::cudnn {

struct ConvView {
    std::int64_t batch;
    std::int64_t in, out;  // channels, rounded up; zero beyond the layer's
    std::int64_t taps, stride;
    std::int64_t columns, in_rows, out_rows;

    std::int64_t in_places() const { return in_rows * columns; }
    std::int64_t out_places() const { return out_rows * columns; }
    std::int64_t weights() const { return out * taps * in; }
    bool operator==(const ConvView&) const = default;
};

// Channels are rounded up to it: 50 become 64. Without, cuDNN copies operands to do so, and rows are not
// aligned.
inline constexpr std::int64_t kChannelUnit = 16;

// Whether there is a view: not with a stride and a dilation at once.
bool has_view(const ConvProblem& problem);
ConvView view_of(const ConvProblem& problem);

// A tensor of four dimensions, in elements. cuDNN's order: samples, channels, rows, columns; of the filter:
// outputs, inputs, rows, columns.
struct Picture {
    std::array<std::int64_t, 4> sizes, strides;
};
Picture input_picture(const ConvView& view);
Picture output_picture(const ConvView& view);
Picture filter_picture(const ConvView& view);

// One of the three products of a convolution.
enum class Direction : int { forward, grad_input, grad_weight };

struct Product {
    Direction direction;
    ConvView view;
};

// One line, without tabs, that tells products apart.
std::string text_of(const Product& product);

}  // namespace regkit::cuda::cudnn
