// What acts on a channel or a position at a time: batch statistics, normalisation with activation and
// dropout, pooling, addition and concatenation, and their gradients. Moments are taken in two passes, mean
// before variance. The gradient of a norm that trains subtracts the terms that reach x through the mean and
// the variance of the batch.
#include <cmath>

#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Flat;
using reference::Tensor;

Status ReferenceBackend::run(const Moments& op) noexcept {
    const Tensor x(op.x);
    const Flat mean(op.mean), var(op.var);
    const double count = static_cast<double>(x.batch * x.length);
    for (std::int64_t c = 0; c < x.channels; ++c) {
        mean[c] = 0;
        var[c] = 0;
        for (std::int64_t s = 0; s < x.batch; ++s)
            for (std::int64_t p = 0; p < x.length; ++p) mean[c] += x(s, c, p) / count;
        for (std::int64_t s = 0; s < x.batch; ++s)
            for (std::int64_t p = 0; p < x.length; ++p) var[c] += std::pow(x(s, c, p) - mean[c], 2) / count;
    }
    return {};
}

Status ReferenceBackend::run(const UpdateRunning& op) noexcept {
    const Flat batch_mean(op.mean), batch_var(op.var), to_mean(op.running_mean), to_var(op.running_var);
    const double unbiased = static_cast<double>(op.count) / static_cast<double>(op.count - 1);
    const double keep = 1.0 - op.momentum;
    for (std::int64_t c = 0; c < batch_mean.count; ++c) {
        to_mean[c] = keep * to_mean[c] + op.momentum * batch_mean[c];
        to_var[c] = keep * to_var[c] + op.momentum * batch_var[c] * unbiased;
    }
    return {};
}

namespace {

// One channel of a Norm: y = normal(x) * gamma + beta; the identity where there is none.
struct ChannelNorm {
    double mean = 0, scale = 1, gamma = 1, beta = 0;

    ChannelNorm(const Norm* norm, std::int64_t channel) {
        if (!norm) return;
        mean = Flat(norm->mean)[channel];
        scale = 1 / std::sqrt(Flat(norm->var)[channel] + norm->eps);
        gamma = Flat(norm->gamma)[channel];
        beta = Flat(norm->beta)[channel];
    }
    double normal(double x) const { return (x - mean) * scale; }
    double operator()(double x) const { return normal(x) * gamma + beta; }
};

// Sums over a channel of g * normal(x) and of g, the gradient of its normalised value's affine image.
struct ChannelSums {
    double normal, plain;
    std::int64_t count;
};

// From g in dx to the gradient of x, with the terms through the moments.
void subtract_means(const Tensor& x, const ChannelNorm& channel, std::int64_t c, const ChannelSums& sums,
                    const Tensor& dx) {
    const double count = static_cast<double>(sums.count);
    for (std::int64_t s = 0; s < x.batch; ++s)
        for (std::int64_t p = 0; p < x.length; ++p)
            dx(s, c, p) =
                channel.gamma * channel.scale *
                (dx(s, c, p) - sums.plain / count - channel.normal(x(s, c, p)) * sums.normal / count);
}

}  // namespace

Status ReferenceBackend::run(const NormAct& op) noexcept {
    const Tensor x(op.x), y(op.y);
    y.each([&](std::int64_t s, std::int64_t c, std::int64_t p) {
        const double value = ChannelNorm(op.norm, c)(x(s, c, p));
        y(s, c, p) = (op.relu ? reference::relu(value) : value) * reference::dropout_at(op.dropout, s, c, p);
    });
    return {};
}

Status ReferenceBackend::run(const NormActGrad& op) noexcept {
    const Tensor x(op.x), dy(op.dy), dx(op.dx);
    // First the gradient of the normalised value's affine image, in place of dx (which may be dy itself).
    x.each([&](std::int64_t s, std::int64_t c, std::int64_t p) {
        const bool passes = !op.relu || ChannelNorm(op.norm, c)(x(s, c, p)) > 0;
        dx(s, c, p) = passes ? dy(s, c, p) * reference::dropout_at(op.dropout, s, c, p) : 0.0;
    });
    if (!op.norm) return {};
    for (std::int64_t c = 0; c < x.channels; ++c) {
        const ChannelNorm channel(op.norm, c);
        double sum = 0, sum_normal = 0;
        for (std::int64_t s = 0; s < x.batch; ++s)
            for (std::int64_t p = 0; p < x.length; ++p) {
                sum += dx(s, c, p);
                sum_normal += dx(s, c, p) * channel.normal(x(s, c, p));
            }
        Flat(op.d_gamma)[c] += sum_normal;
        Flat(op.d_beta)[c] += sum;
        if (!op.is_part) subtract_means(x, channel, c, {sum_normal, sum, x.batch * x.length}, dx);
    }
    return {};
}

Status ReferenceBackend::run(const NormGrad& op) noexcept {
    const Tensor x(op.x), dx(op.dx);
    for (std::int64_t c = 0; c < x.channels; ++c)
        subtract_means(x, ChannelNorm(&op.norm, c), c,
                       {Flat(op.sum_gamma)[c], Flat(op.sum_beta)[c], op.count}, dx);
    return {};
}

// ---- pool, add, concatenation
// --------------------------------------------------------------------------------------------------
namespace {

// Position of the first maximum of the window of output `p`, and NaN above all; -1 where the window holds no
// position of the row.
std::int64_t first_maximum(const Tensor& x, std::int64_t s, std::int64_t c, std::int64_t p,
                           const PoolGeometry& g) {
    std::int64_t best = -1;
    for (std::int64_t t = 0; t < g.width; ++t) {
        const std::int64_t q = p * g.stride + t * g.dilation - g.pad_left;
        if (x.holds(q) && (best < 0 || x(s, c, q) > x(s, c, best) || std::isnan(x(s, c, q)))) best = q;
    }
    return best;
}

}  // namespace

Status ReferenceBackend::run(const Pool& op) noexcept {
    const Tensor x(op.x), y(op.y);
    y.each([&](std::int64_t s, std::int64_t c, std::int64_t p) {
        const std::int64_t best = first_maximum(x, s, c, p, op.geometry);
        y(s, c, p) = best >= 0 ? x(s, c, best) : 0.0;
    });
    return {};
}

Status ReferenceBackend::run(const PoolGrad& op) noexcept {
    const Tensor x(op.x), dy(op.dy), dx(op.dx);
    if (!op.accumulate) dx.clear();
    dy.each([&](std::int64_t s, std::int64_t c, std::int64_t p) {
        const std::int64_t best = first_maximum(x, s, c, p, op.geometry);
        if (best >= 0) dx(s, c, best) += dy(s, c, p);
    });
    return {};
}

Status ReferenceBackend::run(const Add& op) noexcept {
    const Tensor x(op.x), y(op.y);
    y.each([&](std::int64_t s, std::int64_t c, std::int64_t p) { y(s, c, p) += x(s, c, p); });
    return {};
}

Status ReferenceBackend::run(const CopyChannels& op) noexcept {
    const Tensor x(op.x), y(op.y);
    for (std::int64_t s = 0; s < x.batch; ++s)
        for (std::int64_t c = 0; c < op.count; ++c)
            for (std::int64_t p = 0; p < x.length; ++p) {
                const double value = x(s, op.x_begin + c, p);
                y(s, op.y_begin + c, p) = op.accumulate ? y(s, op.y_begin + c, p) + value : value;
            }
    return {};
}

}  // namespace regkit
