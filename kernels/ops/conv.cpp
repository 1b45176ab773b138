#include "kernels/ops/conv.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

namespace {

void check_conv(const Checks& check, const View& x, const char* y_name, const View& y,
                const ConvGeometry& geometry) {
    check.geometry(geometry);
    check.tensor("x", x);
    check.shape(y_name, y, x.shape.batch, y.shape.channels, geometry.output_length(x.shape.length));
}

}  // namespace

void Conv::check() const {
    const Checks check(kName);
    check_conv(check, x, "y", y, geometry);
    check.halo("x", x, geometry.pad_left, geometry.pad_right);
    check.values("weight", weight, y.shape.channels * x.shape.channels * geometry.width);
    check.optional("bias", bias, y.shape.channels);
}

void ConvGradInput::check() const {
    const Checks check(kName);
    check_conv(check, dx, "dy", dy, geometry);
    if (geometry.stride == 1) {
        const Halo needed = geometry.gradient_halo();
        check.halo("dy", dy, needed.left, needed.right);
    }
    check.values("weight", weight, dy.shape.channels * dx.shape.channels * geometry.width);
}

void ConvGradWeight::check() const {
    const Checks check(kName);
    check_conv(check, x, "dy", dy, geometry);
    check.halo("x", x, geometry.pad_left, geometry.pad_right);
    check.values("d_weight", d_weight, dy.shape.channels * x.shape.channels * geometry.width);
    check.optional("d_bias", d_bias, dy.shape.channels);
}

}  // namespace regkit
