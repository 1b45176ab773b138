#include "kernels/ops/pool.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

void Pool::check() const {
    const Checks check(kName);
    check.geometry(geometry);
    check.tensor("x", x);
    check.shape("y", y, x.shape.batch, x.shape.channels, geometry.output_length(x.shape.length));
}

void PoolGrad::check() const {
    const Checks check(kName);
    check.geometry(geometry);
    check.tensor("x", x);
    check.shape("dy", dy, x.shape.batch, x.shape.channels, geometry.output_length(x.shape.length));
    check.shape("dx", dx, x.shape);
}

}  // namespace regkit
