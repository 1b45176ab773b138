#include "kernels/ops/splice.hpp"

#include "kernels/ops/checks.hpp"

namespace regkit {

void Splice::check() const {
    const Checks check(kName);
    check.tensor("left", left);
    check.tensor("right", right);
    check.tensor("y", y);
    check.equal("channels of right", right.shape.channels, left.shape.channels);
    check.equal("channels of y", y.shape.channels, left.shape.channels);
    check.equal("pieces", std::ssize(pieces), y.shape.batch);
    check.that(step >= 1 && changed_step >= 1 && changed_step % step == 0,
               "changed_step is no multiple of step");
    if (changed.data) {
        check.tensor("changed", changed);
        check.equal("batch of changed", changed.shape.batch, y.shape.batch);
        check.equal("channels of changed", changed.shape.channels, left.shape.channels);
    }
    for (const SplicePiece& piece : pieces)
        check.that(piece.left >= 0 && piece.left < left.shape.batch && piece.right >= 0 &&
                       piece.right < right.shape.batch,
                   "a piece of a sample that is not there");
}

}  // namespace regkit
