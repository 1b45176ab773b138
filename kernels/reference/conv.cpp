// Convolution, the first layer over sequence codes, up-convolution, and their gradients. One loop visits
// every product of a convolution whose input lies inside the row; the forward pass and each gradient differ
// only in where they add that product, which makes it plain that they belong together.
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
Status ReferenceBackend::run(const SequenceConv& op) noexcept {
    const Tensor y(op.y);
    const Flat rows(op.embedding), w(op.weight);
    const std::int64_t dim = rows.count / kSymbols;
    start_with_bias(y, Flat(op.bias));
    for (std::int64_t s = 0; s < y.batch; ++s) {
        const std::uint8_t* window = op.codes.data + s * op.codes.length;
        each_product(y.channels, y.length, dim, op.codes.length, op.geometry,
                     [&](auto o, auto p, auto i, auto t, auto q) {
                         y(s, o, p) += w[(o * dim + i) * op.geometry.width + t] * rows[window[q] * dim + i];
                     });
    }
    if (op.relu) apply_relu(y);
    return {};
}

Status ReferenceBackend::run(const SequenceConvGrad& op) noexcept {
    const Tensor dy(op.dy);
    const Flat rows(op.embedding), w(op.weight), d_rows(op.d_embedding), dw(op.d_weight);
    const std::int64_t dim = rows.count / kSymbols;
    for (std::int64_t s = 0; s < dy.batch; ++s) {
        const std::uint8_t* window = op.codes.data + s * op.codes.length;
        each_product(dy.channels, dy.length, dim, op.codes.length, op.geometry,
                     [&](auto o, auto p, auto i, auto t, auto q) {
                         const std::int64_t at = (o * dim + i) * op.geometry.width + t;
                         dw[at] += dy(s, o, p) * rows[window[q] * dim + i];
                         if (d_rows) d_rows[window[q] * dim + i] += dy(s, o, p) * w[at];
                     });
    }
    add_bias_gradient(dy, Flat(op.d_bias));
    return {};
}

Status ReferenceBackend::run(const Embed& op) noexcept {
    const Tensor y(op.y);
    const Flat rows(op.embedding);
    y.each([&](std::int64_t s, std::int64_t d, std::int64_t p) {
        y(s, d, p) = rows[op.codes.data[s * op.codes.length + p] * y.channels + d];
    });
    return {};
}

// ---- convolution
// ------------------------------------------------------------------------------------------------
Status ReferenceBackend::run(const Conv& op) noexcept {
    const Tensor x(op.x), y(op.y);
    const Flat w(op.weight);
    start_with_bias(y, Flat(op.bias));
    for (std::int64_t s = 0; s < y.batch; ++s)
        each_product(y.channels, y.length, x.channels, x.length, op.geometry,
                     [&](auto o, auto p, auto i, auto t, auto q) {
                         y(s, o, p) += w[(o * x.channels + i) * op.geometry.width + t] * x(s, i, q);
                     });
    if (op.relu) apply_relu(y);
    return {};
}

Status ReferenceBackend::run(const ConvGradInput& op) noexcept {
    const Tensor dy(op.dy), dx(op.dx);
    const Flat w(op.weight);
    if (!op.accumulate) dx.clear();
    for (std::int64_t s = 0; s < dy.batch; ++s)
        each_product(dy.channels, dy.length, dx.channels, dx.length, op.geometry,
                     [&](auto o, auto p, auto i, auto t, auto q) {
                         dx(s, i, q) += w[(o * dx.channels + i) * op.geometry.width + t] * dy(s, o, p);
                     });
    return {};
}

Status ReferenceBackend::run(const ConvGradWeight& op) noexcept {
    const Tensor x(op.x), dy(op.dy);
    const Flat dw(op.d_weight);
    for (std::int64_t s = 0; s < dy.batch; ++s)
        each_product(dy.channels, dy.length, x.channels, x.length, op.geometry,
                     [&](auto o, auto p, auto i, auto t, auto q) {
                         dw[(o * x.channels + i) * op.geometry.width + t] += dy(s, o, p) * x(s, i, q);
                     });
    add_bias_gradient(dy, Flat(op.d_bias));
    return {};
}

// ---- up-convolution
// ---------------------------------------------------------------------------------------------
Status ReferenceBackend::run(const UpConv& op) noexcept {
    const Tensor x(op.x), y(op.y);
    const Flat w(op.weight);
    start_with_bias(y, Flat(op.bias));
    y.each([&](std::int64_t s, std::int64_t o, std::int64_t p) {
        for (std::int64_t i = 0; i < x.channels; ++i)
            y(s, o, p) += w[(i * y.channels + o) * op.stride + p % op.stride] * x(s, i, p / op.stride);
    });
    if (op.relu) apply_relu(y);
    return {};
}

Status ReferenceBackend::run(const UpConvGradInput& op) noexcept {
    const Tensor dy(op.dy), dx(op.dx);
    const Flat w(op.weight);
    if (!op.accumulate) dx.clear();
    dy.each([&](std::int64_t s, std::int64_t o, std::int64_t p) {
        for (std::int64_t i = 0; i < dx.channels; ++i)
            dx(s, i, p / op.stride) += w[(i * dy.channels + o) * op.stride + p % op.stride] * dy(s, o, p);
    });
    return {};
}

Status ReferenceBackend::run(const UpConvGradWeight& op) noexcept {
    const Tensor x(op.x), dy(op.dy);
    const Flat dw(op.d_weight);
    dy.each([&](std::int64_t s, std::int64_t o, std::int64_t p) {
        for (std::int64_t i = 0; i < x.channels; ++i)
            dw[(i * dy.channels + o) * op.stride + p % op.stride] += dy(s, o, p) * x(s, i, p / op.stride);
    });
    add_bias_gradient(dy, Flat(op.d_bias));
    return {};
}

}  // namespace regkit
