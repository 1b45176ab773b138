#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Flat;
using reference::Tensor;

namespace {

// body(output channel, output position, input channel, tap, input position) for every product of a
// convolution of one sample whose input position lies inside the row.
template <typename Body>
void each_product(std::int64_t outputs, std::int64_t output_length, std::int64_t inputs,
                  std::int64_t input_length, const ConvGeometry& g, Body body) {
    for (std::int64_t o = 0; o < outputs; ++o)
        for (std::int64_t p = 0; p < output_length; ++p)
            for (std::int64_t i = 0; i < inputs; ++i)
                for (std::int64_t t = 0; t < g.width; ++t) {
                    const std::int64_t q = p * g.stride + t * g.dilation - g.pad_left;
                    if (q >= 0 && q < input_length) body(o, p, i, t, q);
                }
}

void start_with_bias(const Tensor& y, const Flat& bias) {
    y.each([&](std::int64_t s, std::int64_t o, std::int64_t p) { y(s, o, p) = bias ? bias[o] : 0.0; });
}

void apply_relu(const Tensor& y) {
    y.each([&](std::int64_t s, std::int64_t o, std::int64_t p) { y(s, o, p) = reference::relu(y(s, o, p)); });
}

void add_bias_gradient(const Tensor& dy, const Flat& d_bias) {
    if (!d_bias) return;
    dy.each([&](std::int64_t s, std::int64_t o, std::int64_t p) { d_bias[o] += dy(s, o, p); });
}

}  // namespace

// ---- the first layer
// --------------------------------------------------------------------------------------------
Status ReferenceBackend::do_sequence_conv(const Codes& codes, const Slice& embedding, const Slice& weight,
                                          const Slice& bias, const ConvGeometry& g, bool relu,
                                          const View& y_view) noexcept {
    const Tensor y(y_view);
    const Flat rows(embedding), w(weight);
    const std::int64_t dim = rows.count / kSymbols;
    start_with_bias(y, Flat(bias));
    for (std::int64_t s = 0; s < y.batch; ++s) {
        const std::uint8_t* window = codes.data + s * codes.length;
        each_product(y.channels, y.length, dim, codes.length, g, [&](auto o, auto p, auto i, auto t, auto q) {
            y(s, o, p) += w[(o * dim + i) * g.width + t] * rows[window[q] * dim + i];
        });
    }
    if (relu) apply_relu(y);
    return {};
}

Status ReferenceBackend::do_sequence_conv_grad(const Codes& codes, const View& dy_view,
                                               const Slice& embedding, const Slice& weight,
                                               const ConvGeometry& g, const Slice& d_embedding,
                                               const Slice& d_weight, const Slice& d_bias) noexcept {
    const Tensor dy(dy_view);
    const Flat rows(embedding), w(weight), d_rows(d_embedding), dw(d_weight);
    const std::int64_t dim = rows.count / kSymbols;
    for (std::int64_t s = 0; s < dy.batch; ++s) {
        const std::uint8_t* window = codes.data + s * codes.length;
        each_product(dy.channels, dy.length, dim, codes.length, g,
                     [&](auto o, auto p, auto i, auto t, auto q) {
                         const std::int64_t at = (o * dim + i) * g.width + t;
                         dw[at] += dy(s, o, p) * rows[window[q] * dim + i];
                         if (d_rows) d_rows[window[q] * dim + i] += dy(s, o, p) * w[at];
                     });
    }
    add_bias_gradient(dy, Flat(d_bias));
    return {};
}

Status ReferenceBackend::do_embed(const Codes& codes, const Slice& embedding, const View& y_view) noexcept {
    const Tensor y(y_view);
    const Flat rows(embedding);
    y.each([&](std::int64_t s, std::int64_t d, std::int64_t p) {
        y(s, d, p) = rows[codes.data[s * codes.length + p] * y.channels + d];
    });
    return {};
}

// ---- convolution
// ------------------------------------------------------------------------------------------------
Status ReferenceBackend::do_conv(const View& x_view, const Slice& weight, const Slice& bias,
                                 const ConvGeometry& g, bool relu, const View& y_view) noexcept {
    const Tensor x(x_view), y(y_view);
    const Flat w(weight);
    start_with_bias(y, Flat(bias));
    for (std::int64_t s = 0; s < y.batch; ++s)
        each_product(y.channels, y.length, x.channels, x.length, g,
                     [&](auto o, auto p, auto i, auto t, auto q) {
                         y(s, o, p) += w[(o * x.channels + i) * g.width + t] * x(s, i, q);
                     });
    if (relu) apply_relu(y);
    return {};
}

Status ReferenceBackend::do_conv_grad_input(const View& dy_view, const Slice& weight, const ConvGeometry& g,
                                            bool accumulate, const View& dx_view) noexcept {
    const Tensor dy(dy_view), dx(dx_view);
    const Flat w(weight);
    if (!accumulate) dx.clear();
    for (std::int64_t s = 0; s < dy.batch; ++s)
        each_product(dy.channels, dy.length, dx.channels, dx.length, g,
                     [&](auto o, auto p, auto i, auto t, auto q) {
                         dx(s, i, q) += w[(o * dx.channels + i) * g.width + t] * dy(s, o, p);
                     });
    return {};
}

Status ReferenceBackend::do_conv_grad_weight(const View& x_view, const View& dy_view, const ConvGeometry& g,
                                             const Slice& d_weight, const Slice& d_bias) noexcept {
    const Tensor x(x_view), dy(dy_view);
    const Flat dw(d_weight);
    for (std::int64_t s = 0; s < dy.batch; ++s)
        each_product(dy.channels, dy.length, x.channels, x.length, g,
                     [&](auto o, auto p, auto i, auto t, auto q) {
                         dw[(o * x.channels + i) * g.width + t] += dy(s, o, p) * x(s, i, q);
                     });
    add_bias_gradient(dy, Flat(d_bias));
    return {};
}

// ---- up-convolution
// ---------------------------------------------------------------------------------------------
Status ReferenceBackend::do_up_conv(const View& x_view, const Slice& weight, const Slice& bias, int stride,
                                    bool relu, const View& y_view) noexcept {
    const Tensor x(x_view), y(y_view);
    const Flat w(weight);
    start_with_bias(y, Flat(bias));
    y.each([&](std::int64_t s, std::int64_t o, std::int64_t p) {
        for (std::int64_t i = 0; i < x.channels; ++i)
            y(s, o, p) += w[(i * y.channels + o) * stride + p % stride] * x(s, i, p / stride);
    });
    if (relu) apply_relu(y);
    return {};
}

Status ReferenceBackend::do_up_conv_grad_input(const View& dy_view, const Slice& weight, int stride,
                                               bool accumulate, const View& dx_view) noexcept {
    const Tensor dy(dy_view), dx(dx_view);
    const Flat w(weight);
    if (!accumulate) dx.clear();
    dy.each([&](std::int64_t s, std::int64_t o, std::int64_t p) {
        for (std::int64_t i = 0; i < dx.channels; ++i)
            dx(s, i, p / stride) += w[(i * dy.channels + o) * stride + p % stride] * dy(s, o, p);
    });
    return {};
}

Status ReferenceBackend::do_up_conv_grad_weight(const View& x_view, const View& dy_view, int stride,
                                                const Slice& d_weight, const Slice& d_bias) noexcept {
    const Tensor x(x_view), dy(dy_view);
    const Flat dw(d_weight);
    dy.each([&](std::int64_t s, std::int64_t o, std::int64_t p) {
        for (std::int64_t i = 0; i < x.channels; ++i)
            dw[(i * dy.channels + o) * stride + p % stride] += dy(s, o, p) * x(s, i, p / stride);
    });
    add_bias_gradient(dy, Flat(d_bias));
    return {};
}

}  // namespace regkit
