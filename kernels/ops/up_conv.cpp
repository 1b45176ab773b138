#include "kernels/ops/up_conv.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

namespace {

void check_up_conv(const Checks& check, const View& x, const char* y_name, const View& y, int stride) {
    check.that(stride >= 1, "stride below 1");
    check.tensor("x", x);
    check.shape(y_name, y, x.shape.batch, y.shape.channels, x.shape.length * stride);
}

}  // namespace

void UpConv::check() const {
    const Checks check(kName);
    check_up_conv(check, x, "y", y, stride);
    check.values("weight", weight, x.shape.channels * y.shape.channels * stride);
    check.optional("bias", bias, y.shape.channels);
}

void UpConvGradInput::check() const {
    const Checks check(kName);
    check_up_conv(check, dx, "dy", dy, stride);
    check.values("weight", weight, dx.shape.channels * dy.shape.channels * stride);
}

void UpConvGradWeight::check() const {
    const Checks check(kName);
    check_up_conv(check, x, "dy", dy, stride);
    check.values("d_weight", d_weight, x.shape.channels * dy.shape.channels * stride);
    check.optional("d_bias", d_bias, dy.shape.channels);
}

}  // namespace regkit
