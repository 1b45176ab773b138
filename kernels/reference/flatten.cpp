// A window's channels and positions as the channels of one row over the samples.
#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Tensor;

Status ReferenceBackend::do_flatten(const View& x_view, const View& y_view) noexcept {
    const Tensor x(x_view), y(y_view);
    x.each([&](std::int64_t s, std::int64_t c, std::int64_t p) { y(0, c * x.length + p, s) = x(s, c, p); });
    return {};
}

Status ReferenceBackend::do_flatten_grad(const View& dy_view, bool accumulate, const View& dx_view) noexcept {
    const Tensor dy(dy_view), dx(dx_view);
    dx.each([&](std::int64_t s, std::int64_t c, std::int64_t p) {
        dx(s, c, p) = (accumulate ? dx(s, c, p) : 0.0) + dy(0, c * dx.length + p, s);
    });
    return {};
}

}  // namespace regkit
