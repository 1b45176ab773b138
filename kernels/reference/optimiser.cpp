// The norm of the gradient and a step of Adam, each one loop over the flat array of all parameters. The
// gradient is scaled down where its norm exceeds the limit, as the step reads it.
#include <algorithm>
#include <cmath>

#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Flat;

Status ReferenceBackend::run(const GradNorm& op) noexcept {
    const Flat g(op.gradient);
    double squares = 0;
    for (std::int64_t i = 0; i < g.count; ++i) squares += g[i] * g[i];
    const Flat result(op.norm);
    result[0] = std::sqrt(squares);
    return {};
}

// Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1, with PyTorch's place for
// eps.
Status ReferenceBackend::run(const Adam& op) noexcept {
    const Flat p(op.parameters), g(op.gradient), m(op.m), v(op.v);
    const double beta1 = op.step.beta1, beta2 = op.step.beta2;
    const double clip = op.step.clip_norm > 0 ? std::min(1.0, op.step.clip_norm / Flat(op.norm)[0]) : 1.0;
    const double correction1 = 1 - std::pow(beta1, static_cast<double>(op.step.step));
    const double correction2 = 1 - std::pow(beta2, static_cast<double>(op.step.step));
    for (std::int64_t i = 0; i < p.count; ++i) {
        const double d = g[i] * clip;
        m[i] = beta1 * m[i] + (1 - beta1) * d;
        v[i] = beta2 * v[i] + (1 - beta2) * d * d;
        p[i] -= op.step.learning_rate * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + op.step.eps);
    }
    return {};
}

}  // namespace regkit
