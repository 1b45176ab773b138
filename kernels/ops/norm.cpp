#include "kernels/ops/norm.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

namespace {

void check_norm(const Checks& check, const Norm* norm, std::int64_t channels) {
    if (!norm) return;
    check.values("mean", norm->mean, channels);
    check.values("var", norm->var, channels);
    check.values("gamma", norm->gamma, channels);
    check.values("beta", norm->beta, channels);
    check.that(norm->eps > 0, "eps is not positive");
}

}  // namespace

void Moments::check() const {
    const Checks check(kName);
    check.tensor("x", x);
    check.values("mean", mean, x.shape.channels);
    check.values("var", var, x.shape.channels);
}

void UpdateRunning::check() const {
    const Checks check(kName);
    check.that(count >= 2, "batch statistics need more than one value per channel");
    check.that(momentum >= 0 && momentum <= 1, "momentum is outside [0, 1]");
    check.values("var", var, mean.count);
    check.values("running_mean", running_mean, mean.count);
    check.values("running_var", running_var, mean.count);
}

void NormAct::check() const {
    const Checks check(kName);
    check.tensor("x", x);
    check.shape("y", y, x.shape);
    check_norm(check, norm, x.shape.channels);
    check.dropout(dropout);
}

void NormActGrad::check() const {
    const Checks check(kName);
    check.tensor("x", x);
    check.shape("dy", dy, x.shape);
    check.shape("dx", dx, x.shape);
    check_norm(check, norm, x.shape.channels);
    check.dropout(dropout);
    check.values("d_gamma", d_gamma, norm ? x.shape.channels : 0);
    check.values("d_beta", d_beta, norm ? x.shape.channels : 0);
    check.that(norm || !is_part, "a part of a batch without a norm");
}

void NormGrad::check() const {
    const Checks check(kName);
    check.tensor("x", x);
    check.shape("dx", dx, x.shape);
    check_norm(check, &norm, x.shape.channels);
    check.values("sum_gamma", sum_gamma, x.shape.channels);
    check.values("sum_beta", sum_beta, x.shape.channels);
    check.that(count >= x.shape.batch * x.shape.length, "the whole batch is smaller than its part");
}

}  // namespace regkit
