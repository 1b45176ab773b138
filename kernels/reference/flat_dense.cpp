// Flatten and dense: one dense layer over the channels and positions of a sample. Rows over the samples.
#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Flat;
using reference::Tensor;

namespace {

// body(output, sample, input channel, input position, index of the weight) for every product.
template <typename Body>
void each_product(const Tensor& x, std::int64_t outputs, Body body) {
    for (std::int64_t o = 0; o < outputs; ++o)
        for (std::int64_t s = 0; s < x.batch; ++s)
            for (std::int64_t i = 0; i < x.channels; ++i)
                for (std::int64_t p = 0; p < x.length; ++p)
                    body(o, s, i, p, (o * x.channels + i) * x.length + p);
}

}  // namespace

Status ReferenceBackend::run(const FlatDense& op) noexcept {
    const Tensor x(op.x), y(op.y);
    const Flat w(op.weight), b(op.bias);
    y.each([&](auto, auto o, auto s) { y(0, o, s) = b ? b[o] : 0.0; });
    each_product(x, y.channels,
                 [&](auto o, auto s, auto i, auto p, auto at) { y(0, o, s) += w[at] * x(s, i, p); });
    if (op.relu) y.each([&](auto, auto o, auto s) { y(0, o, s) = reference::relu(y(0, o, s)); });
    return {};
}

Status ReferenceBackend::run(const FlatDenseGradInput& op) noexcept {
    const Tensor dy(op.dy), dx(op.dx);
    const Flat w(op.weight);
    if (!op.accumulate) dx.clear();
    each_product(dx, dy.channels,
                 [&](auto o, auto s, auto i, auto p, auto at) { dx(s, i, p) += w[at] * dy(0, o, s); });
    return {};
}

Status ReferenceBackend::run(const FlatDenseGradWeight& op) noexcept {
    const Tensor x(op.x), dy(op.dy);
    const Flat dw(op.d_weight), db(op.d_bias);
    each_product(x, dy.channels,
                 [&](auto o, auto s, auto i, auto p, auto at) { dw[at] += dy(0, o, s) * x(s, i, p); });
    if (db) dy.each([&](auto, auto o, auto s) { db[o] += dy(0, o, s); });
    return {};
}

}  // namespace regkit
