#include "kernels/ops/all_reduce.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

void AllReduce::check() const {
    const Checks check(kName);
    check.that(from.count >= 1 && from.data, "no values");
    check.values("to", to, from.count);
    check.that(ranks, "no ranks");
}

}  // namespace regkit
