#include "kernels/ops/add.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

void Add::check() const {
    const Checks check(kName);
    check.tensor("x", x);
    check.shape("y", y, x.shape);
}

void CopyChannels::check() const {
    const Checks check(kName);
    check.tensor("x", x);
    check.shape("y", y, x.shape.batch, y.shape.channels, x.shape.length);
    check.that(count >= 1 && x_begin >= 0 && y_begin >= 0, "channels below 0, or none");
    check.that(x_begin <= x.shape.channels - count && y_begin <= y.shape.channels - count,
               "channels outside the tensor");
}

}  // namespace regkit
