#include "kernels/ops/flat_dense.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

namespace {

void check_flat(const Checks& check, const View& x, const char* y_name, const View& y) {
    check.tensor("x", x);
    check.shape(y_name, y, 1, y.shape.channels, x.shape.batch);
}

}  // namespace

void FlatDense::check() const {
    const Checks check(kName);
    check_flat(check, x, "y", y);
    check.values("weight", weight, y.shape.channels * x.shape.channels * x.shape.length);
    check.optional("bias", bias, y.shape.channels);
}

void FlatDenseGradInput::check() const {
    const Checks check(kName);
    check_flat(check, dx, "dy", dy);
    check.values("weight", weight, dy.shape.channels * dx.shape.channels * dx.shape.length);
}

void FlatDenseGradWeight::check() const {
    const Checks check(kName);
    check_flat(check, x, "dy", dy);
    check.values("d_weight", d_weight, dy.shape.channels * x.shape.channels * x.shape.length);
    check.optional("d_bias", d_bias, dy.shape.channels);
}

void Flatten::check() const {
    const Checks check(kName);
    check.tensor("x", x);
    check.shape("y", y, 1, x.shape.channels * x.shape.length, x.shape.batch);
}

void FlattenGrad::check() const {
    const Checks check(kName);
    check.tensor("dx", dx);
    check.shape("dy", dy, 1, dx.shape.channels * dx.shape.length, dx.shape.batch);
}

}  // namespace regkit
