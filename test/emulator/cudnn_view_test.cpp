// The view that cuDNN is given of a convolution: evaluated as it stands, in two dimensions, without padding,
// by its own sizes and strides, it is the dilated convolution, forward and in both gradients. Small whole
// numbers: equal is equal.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <sstream>

#include "kernels/backend.hpp"
#include "kernels/cuda/cudnn/view.hpp"
#include "test/emulator/pictures.hpp"

using namespace regkit;
using namespace regkit::cuda;
using namespace regkit::cuda::cudnn;
using emulator::place;
using emulator::size_of;

namespace {

using Numbers = std::vector<std::int64_t>;

struct Case {
    std::int64_t batch, in, out, length;
    ConvGeometry geometry;

    ConvProblem problem() const {
        return {batch,
                in,
                out,
                length,
                geometry.output_length(length),
                geometry.width,
                geometry.stride,
                geometry.dilation,
                geometry.pad_left};
    }
    std::string text() const {
        std::ostringstream text;
        text << "length " << length << ", width " << geometry.width << ", stride " << geometry.stride
             << ", dilation " << geometry.dilation << ", padding " << geometry.pad_left << "+"
             << geometry.pad_right;
        return text.str();
    }
};

const std::vector<Case> kCases = {
    {2, 3, 4, 50, {10, 1, 1, 4, 5}},    {1, 2, 3, 50, {10, 1, 3, 13, 14}},
    {2, 3, 2, 100, {10, 1, 9, 40, 41}}, {1, 3, 2, 250, {10, 1, 81, 364, 365}},  // padding that is no multiple
    {1, 2, 2, 7, {10, 1, 9, 40, 41}},                                     // shorter than a row of places
    {1, 3, 3, 81, {3, 1, 27, 27, 27}},  {1, 3, 3, 54, {3, 1, 27, 0, 0}},  // whole rows; without padding
    {1, 17, 33, 12, {1, 1, 1, 0, 0}},   {1, 2, 2, 12, {1, 1, 5, 0, 0}},
    {2, 4, 3, 12, {3, 1, 2, 6, 7}},                                      // more padding than the width needs
    {1, 3, 4, 40, {5, 4, 1, 0, 1}},     {1, 3, 4, 41, {2, 4, 1, 0, 0}},  // positions that nothing reads
    {2, 3, 4, 40, {10, 10, 1, 0, 0}},   {1, 3, 4, 9, {1, 2, 3, 0, 0}},
};

std::int64_t number(std::int64_t seed) {
    return (seed * 1103515245 + 12345) / 65536 % 9 - 4;
}

Numbers numbers(std::int64_t count, std::int64_t seed) {
    Numbers values;
    for (std::int64_t i = 0; i < count; ++i) values.push_back(number(i * 7 + seed));
    return values;
}

// The convolution itself: body(index in x, index in w, index in y), each [..][..][..].
template <typename Body>
void for_each_product(const ConvProblem& g, const Body& body) {
    for (std::int64_t n = 0; n < g.batch; ++n)
        for (std::int64_t o = 0; o < g.out; ++o)
            for (std::int64_t p = 0; p < g.out_length; ++p)
                for (std::int64_t i = 0; i < g.in; ++i)
                    for (std::int64_t t = 0; t < g.width; ++t) {
                        const std::int64_t q = p * g.stride + t * g.dilation - g.pad_left;
                        if (q < 0 || q >= g.in_length) continue;
                        body(static_cast<std::size_t>((n * g.in + i) * g.in_length + q),
                             static_cast<std::size_t>((o * g.in + i) * g.width + t),
                             static_cast<std::size_t>((n * g.out + o) * g.out_length + p));
                    }
}

// Values of a tensor [batch][channels][length] in the places of a picture, position 0 in place `first`;
// others are zero.
Numbers in_places(const Numbers& values, const Picture& picture, std::int64_t channels, std::int64_t length,
                  std::int64_t first) {
    Numbers places(size_of(picture));
    const std::int64_t columns = picture.sizes[3];
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::int64_t position = static_cast<std::int64_t>(i) % length,
                           row = static_cast<std::int64_t>(i) / length;
        const std::int64_t at = first + position;
        if (at < picture.sizes[2] * columns)
            places[place(picture, row / channels, row % channels, at / columns, at % columns)] = values[i];
    }
    return places;
}

// And back: zero where there is no place.
Numbers from_places(const Numbers& places, const Picture& picture, std::int64_t batch, std::int64_t channels,
                    std::int64_t length, std::int64_t first) {
    Numbers values;
    const std::int64_t columns = picture.sizes[3];
    for (std::int64_t row = 0; row < batch * channels; ++row)
        for (std::int64_t at = first; at < first + length; ++at)
            values.push_back(
                at < picture.sizes[2] * columns
                    ? places[place(picture, row / channels, row % channels, at / columns, at % columns)]
                    : 0);
    return values;
}

}  // namespace

TEST_CASE("cudnn: the view is the convolution, forward and in both gradients") {
    for (const Case& c : kCases) {
        CAPTURE(c.text());
        const ConvProblem g = c.problem();
        REQUIRE(has_view(g));
        const ConvView view = view_of(g);
        const Picture x_picture = input_picture(view), w_picture = filter_picture(view),
                      y_picture = output_picture(view);
        REQUIRE((y_picture.sizes[2] - 1) * view.stride + w_picture.sizes[2] ==
                x_picture.sizes[2]);  // no row is read that is not there
        REQUIRE(y_picture.sizes[3] == x_picture.sizes[3]);
        const Numbers x = numbers(g.batch * g.in * g.in_length, 1), w = numbers(g.out * g.in * g.width, 2),
                      dy = numbers(g.batch * g.out * g.out_length, 3);
        Numbers y(dy.size()), dx(x.size()), dw(w.size());
        for_each_product(g, [&](std::size_t in_x, std::size_t in_w, std::size_t in_y) {
            y[in_y] += x[in_x] * w[in_w];
            dx[in_x] += dy[in_y] * w[in_w];
            dw[in_w] += dy[in_y] * x[in_x];
        });

        const Numbers x_places = in_places(x, x_picture, g.in, g.in_length, g.pad_left);
        const Numbers dy_places = in_places(dy, y_picture, g.out, g.out_length, 0);
        Numbers w_places(size_of(w_picture));
        for (std::int64_t o = 0; o < g.out; ++o)
            for (std::int64_t i = 0; i < g.in; ++i)
                for (std::int64_t t = 0; t < g.width; ++t)
                    w_places[place(w_picture, o, i, t, 0)] =
                        w[static_cast<std::size_t>((o * g.in + i) * g.width + t)];
        Numbers y_places(size_of(y_picture)), dx_places(size_of(x_picture)), dw_places(size_of(w_picture));
        emulator::for_each_product(view, [&](std::size_t in_x, std::size_t in_w, std::size_t in_y) {
            y_places[in_y] += x_places[in_x] * w_places[in_w];
            dx_places[in_x] += dy_places[in_y] * w_places[in_w];
            dw_places[in_w] += dy_places[in_y] * x_places[in_x];
        });

        CHECK(from_places(y_places, y_picture, g.batch, g.out, g.out_length, 0) == y);
        CHECK(from_places(dx_places, x_picture, g.batch, g.in, g.in_length, g.pad_left) == dx);
        Numbers dw_back;
        for (std::int64_t o = 0; o < g.out; ++o)
            for (std::int64_t i = 0; i < g.in; ++i)
                for (std::int64_t t = 0; t < g.width; ++t)
                    dw_back.push_back(dw_places[place(w_picture, o, i, t, 0)]);
        CHECK(dw_back == dw);
    }
}

TEST_CASE("cudnn: pictures are dense, their channels side by side and in sixteens") {
    const ConvView view = view_of({32, 50, 240, 2500, 2500, 10, 1, 81, 364});
    CHECK(view.in == 64);
    CHECK(view.out == 240);
    CHECK(view.columns == 81);
    CHECK(view.out_rows == 31);  // 2,511 places, of which 11 mean nothing
    CHECK(view.in_rows == 40);
    for (const Picture& picture : {input_picture(view), output_picture(view), filter_picture(view)}) {
        CHECK(picture.strides[1] == 1);
        CHECK(picture.strides[3] == picture.sizes[1]);
        CHECK(picture.strides[2] == picture.strides[3] * picture.sizes[3]);
        CHECK(picture.strides[0] == picture.strides[2] * picture.sizes[2]);
    }
}

TEST_CASE("cudnn: a stride and a dilation at once have no view") {
    CHECK_FALSE(has_view({1, 4, 4, 100, 46, 5, 2, 2, 0}));
    CHECK(has_view({1, 4, 4, 100, 96, 5, 1, 2, 0}));
    CHECK(has_view({1, 4, 4, 100, 48, 5, 2, 1, 0}));
}

TEST_CASE("cudnn: products of any other size have another text") {
    const ConvView view{1, 16, 32, 3, 4, 5, 6, 7};
    std::set<std::string> texts;
    for (const Direction direction : {Direction::forward, Direction::grad_input, Direction::grad_weight})
        texts.insert(text_of({direction, view}));
    for (std::int64_t ConvView::*size :
         {&ConvView::batch, &ConvView::in, &ConvView::out, &ConvView::taps, &ConvView::stride,
          &ConvView::columns, &ConvView::in_rows, &ConvView::out_rows}) {
        ConvView other = view;
        other.*size += 16;
        texts.insert(text_of({Direction::forward, other}));
    }
    CHECK(texts.size() == 3 + 8);
}
