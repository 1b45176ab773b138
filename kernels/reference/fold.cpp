// Batch norm behind the up-convolution, through the mean and covariance of the tail's input.
#include <cmath>
#include <vector>

#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Flat;
using reference::Tensor;

namespace {

struct UpWeight {
    Flat values;
    std::int64_t out, stride;

    UpWeight(const Slice& slice, const UpNorm& norm) : values(slice), out(norm.out), stride(norm.stride) {}
    double& operator()(std::int64_t i, std::int64_t o, std::int64_t j) const {
        return values[(i * out + o) * stride + j];
    }
};

void input_statistics(const Tensor& h, const Flat& mean, const Flat& covariance) {
    const double count = static_cast<double>(h.batch * h.length);
    for (std::int64_t a = 0; a < h.channels; ++a) {
        mean[a] = 0;
        for (std::int64_t s = 0; s < h.batch; ++s)
            for (std::int64_t p = 0; p < h.length; ++p) mean[a] += h(s, a, p) / count;
    }
    for (std::int64_t a = 0; a < h.channels; ++a)
        for (std::int64_t b = 0; b < h.channels; ++b) {
            double sum = 0;
            for (std::int64_t s = 0; s < h.batch; ++s)
                for (std::int64_t p = 0; p < h.length; ++p)
                    sum += (h(s, a, p) - mean[a]) * (h(s, b, p) - mean[b]);
            covariance[a * h.channels + b] = sum / count;
        }
}

// (S u)[i] with u the weights of output o at phase j.
double covariance_times(const Flat& covariance, const UpWeight& weight, const UpNorm& norm, std::int64_t i,
                        std::int64_t o, std::int64_t j) {
    double sum = 0;
    for (std::int64_t k = 0; k < norm.in; ++k) sum += covariance[i * norm.in + k] * weight(k, o, j);
    return sum;
}

// Mean of output o at phase j, the bias included.
double phase_mean(const Flat& mean, const UpWeight& weight, const UpNorm& norm, std::int64_t o,
                  std::int64_t j) {
    const Flat bias(norm.bias);
    double sum = bias ? bias[o] : 0.0;
    for (std::int64_t i = 0; i < norm.in; ++i) sum += weight(i, o, j) * mean[i];
    return sum;
}

}  // namespace

Status ReferenceBackend::run(const FoldUpNorm& op) noexcept {
    const Tensor h(op.h);
    const Flat m(op.state.input_mean), cov(op.state.input_covariance), mean(op.state.mean), var(op.state.var);
    const Flat bias(op.norm.bias), gamma(op.norm.gamma), beta(op.norm.beta), to_bias(op.folded_bias);
    const UpWeight weight(op.norm.weight, op.norm), to_weight(op.folded_weight, op.norm);
    if (op.state.shared_count == 0) input_statistics(h, m, cov);
    for (std::int64_t o = 0; o < op.norm.out; ++o) {
        mean[o] = 0;
        var[o] = 0;
        for (std::int64_t j = 0; j < op.norm.stride; ++j)
            mean[o] += phase_mean(m, weight, op.norm, o, j) / op.norm.stride;
        for (std::int64_t j = 0; j < op.norm.stride; ++j) {
            double quadratic = 0;
            for (std::int64_t i = 0; i < op.norm.in; ++i)
                quadratic += weight(i, o, j) * covariance_times(cov, weight, op.norm, i, o, j);
            var[o] +=
                (quadratic + std::pow(phase_mean(m, weight, op.norm, o, j) - mean[o], 2)) / op.norm.stride;
        }
        const double s = gamma[o] / std::sqrt(var[o] + op.norm.eps);
        for (std::int64_t i = 0; i < op.norm.in; ++i)
            for (std::int64_t j = 0; j < op.norm.stride; ++j) to_weight(i, o, j) = weight(i, o, j) * s;
        to_bias[o] = ((bias ? bias[o] : 0.0) - mean[o]) * s + beta[o];
    }
    return {};
}

// The chain rule through s = gamma / sqrt(var + eps), mean_j = U_j^T m + b, and var; then from m and S to h:
//   dh += dm / n + (dS + dS^T)(h - m) / n.
Status ReferenceBackend::run(const FoldUpNormGrad& op) noexcept {
    return reference::guarded([&] {
        const Tensor h(op.h), dh(op.dh);
        const Flat m(op.state.input_mean), cov(op.state.input_covariance), mean(op.state.mean),
            var(op.state.var);
        const Flat bias(op.norm.bias), gamma(op.norm.gamma), d_to_bias(op.d_folded_bias);
        const Flat d_bias(op.d_bias), d_gamma(op.d_gamma), d_beta(op.d_beta);
        const UpWeight weight(op.norm.weight, op.norm), d_to_weight(op.d_folded_weight, op.norm),
            d_weight(op.d_weight, op.norm);
        const std::int64_t K = op.norm.in;
        std::vector<double> d_m(static_cast<std::size_t>(K)), d_cov(static_cast<std::size_t>(K * K));
        for (std::int64_t o = 0; o < op.norm.out; ++o) {
            const double deviation = std::sqrt(var[o] + op.norm.eps);
            const double s = gamma[o] / deviation;
            double d_s = d_to_bias[o] * ((bias ? bias[o] : 0.0) - mean[o]);
            for (std::int64_t i = 0; i < K; ++i)
                for (std::int64_t j = 0; j < op.norm.stride; ++j)
                    d_s += d_to_weight(i, o, j) * weight(i, o, j);
            const double d_mean = -d_to_bias[o] * s;
            const double d_var = -0.5 * d_s * s / (var[o] + op.norm.eps);
            d_gamma[o] += d_s / deviation;
            d_beta[o] += d_to_bias[o];
            if (d_bias) d_bias[o] += d_to_bias[o] * s + d_mean;  // 0: the mean takes the bias out again
            for (std::int64_t j = 0; j < op.norm.stride; ++j) {
                const double away = phase_mean(m, weight, op.norm, o, j) - mean[o];
                const double d_phase_mean = (d_mean + 2 * d_var * away) / op.norm.stride;
                const double d_quadratic = d_var / op.norm.stride;
                for (std::int64_t i = 0; i < K; ++i) {
                    d_weight(i, o, j) += d_to_weight(i, o, j) * s + d_phase_mean * m[i] +
                                         2 * d_quadratic * covariance_times(cov, weight, op.norm, i, o, j);
                    d_m[static_cast<std::size_t>(i)] += d_phase_mean * weight(i, o, j);
                    for (std::int64_t k = 0; k < K; ++k)
                        d_cov[static_cast<std::size_t>(i * K + k)] +=
                            d_quadratic * weight(i, o, j) * weight(k, o, j);
                }
            }
        }
        const double count =
            static_cast<double>(op.state.shared_count > 0 ? op.state.shared_count : h.batch * h.length);
        dh.each([&](std::int64_t n, std::int64_t i, std::int64_t p) {
            double sum = d_m[static_cast<std::size_t>(i)];
            for (std::int64_t k = 0; k < K; ++k)
                sum += 2 * d_cov[static_cast<std::size_t>(i * K + k)] * (h(n, k, p) - m[k]);
            dh(n, i, p) += sum / count;
        });
    });
}

}  // namespace regkit
