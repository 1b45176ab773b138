#include <algorithm>
#include <cmath>

#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Flat;

Status ReferenceBackend::do_grad_norm(const Slice& gradient, const Slice& norm) noexcept {
    const Flat g(gradient);
    double squares = 0;
    for (std::int64_t i = 0; i < g.count; ++i) squares += g[i] * g[i];
    const Flat result(norm);
    result[0] = std::sqrt(squares);
    return {};
}

// Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1, with PyTorch's place for
// eps.
Status ReferenceBackend::do_adam(const Slice& parameters, const Slice& gradient, const Slice& m_slice,
                                 const Slice& v_slice, const AdamStep& step, const Slice& norm) noexcept {
    const Flat p(parameters), g(gradient), m(m_slice), v(v_slice);
    const double beta1 = step.beta1, beta2 = step.beta2;
    const double clip = step.clip_norm > 0 ? std::min(1.0, step.clip_norm / Flat(norm)[0]) : 1.0;
    const double correction1 = 1 - std::pow(beta1, static_cast<double>(step.step));
    const double correction2 = 1 - std::pow(beta2, static_cast<double>(step.step));
    for (std::int64_t i = 0; i < p.count; ++i) {
        const double d = g[i] * clip;
        m[i] = beta1 * m[i] + (1 - beta1) * d;
        v[i] = beta2 * v[i] + (1 - beta2) * d * d;
        p[i] -= step.learning_rate * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + step.eps);
    }
    return {};
}

}  // namespace regkit
