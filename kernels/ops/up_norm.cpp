#include "kernels/ops/up_norm.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

namespace {

void check_up_norm(const Checks& check, const View& h, const UpNorm& norm, const UpNormState& state) {
    check.tensor("h", h);
    check.that(norm.in >= 1 && norm.out >= 1 && norm.stride >= 1,
               "an up-convolution without inputs or outputs");
    check.that(norm.eps > 0, "eps is not positive");
    check.equal("channels of h", h.shape.channels, norm.in);
    check.values("weight", norm.weight, norm.in * std::int64_t{norm.out} * norm.stride);
    check.optional("bias", norm.bias, norm.out);
    check.values("gamma", norm.gamma, norm.out);
    check.values("beta", norm.beta, norm.out);
    check.values("input_mean", state.input_mean, norm.in);
    check.values("input_covariance", state.input_covariance, norm.in * std::int64_t{norm.in});
    check.values("mean", state.mean, norm.out);
    check.values("var", state.var, norm.out);
}

}  // namespace

void FoldUpNorm::check() const {
    const Checks check(kName);
    check_up_norm(check, h, norm, state);
    check.values("folded_weight", folded_weight, norm.weight.count);
    check.values("folded_bias", folded_bias, norm.out);
}

void FoldUpNormGrad::check() const {
    const Checks check(kName);
    check_up_norm(check, h, norm, state);
    check.values("d_folded_weight", d_folded_weight, norm.weight.count);
    check.values("d_folded_bias", d_folded_bias, norm.out);
    check.values("d_weight", d_weight, norm.weight.count);
    check.values("d_bias", d_bias, norm.bias.count);
    check.values("d_gamma", d_gamma, norm.out);
    check.values("d_beta", d_beta, norm.out);
    check.shape("dh", dh, h.shape);
}

}  // namespace regkit
