// A window's channels and positions as the channels of one row over the samples.
#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Tensor;

Status ReferenceBackend::run(const Flatten& op) noexcept {
    const Tensor x(op.x), y(op.y);
    x.each([&](std::int64_t s, std::int64_t c, std::int64_t p) { y(0, c * x.length + p, s) = x(s, c, p); });
    return {};
}

Status ReferenceBackend::run(const FlattenGrad& op) noexcept {
    const Tensor dy(op.dy), dx(op.dx);
    dx.each([&](std::int64_t s, std::int64_t c, std::int64_t p) {
        dx(s, c, p) = (op.accumulate ? dx(s, c, p) : 0.0) + dy(0, c * dx.length + p, s);
    });
    return {};
}

}  // namespace regkit
