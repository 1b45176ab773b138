#include "kernels/ops/adam.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

void GradNorm::check() const {
    const Checks check(kName);
    check.that(gradient.count >= 1 && gradient.data, "no gradient");
    check.that(norm.count >= 1 && norm.data, "norm has no value");
}

void Adam::check() const {
    const Checks check(kName);
    check.that(parameters.count >= 1 && parameters.data, "no parameters");
    check.values("gradient", gradient, parameters.count);
    check.values("m", m, parameters.count);
    check.values("v", v, parameters.count);
    check.that(step.step >= 1, "the step is below 1");
    check.that(step.clip_norm <= 0 || norm.count >= 1, "clipping without a norm");
}

}  // namespace regkit
