#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Tensor;

Status ReferenceBackend::run(const Splice& op) noexcept {
    const Tensor left(op.left), right(op.right), y(op.y), changed(op.changed);
    y.each([&](std::int64_t s, std::int64_t c, std::int64_t j) {
        const SplicePiece& piece = op.pieces[static_cast<std::size_t>(s)];
        const std::int64_t p = piece.first + j * op.step, behind = p - piece.changed;
        if (changed.data && behind >= 0 && behind % op.changed_step == 0 &&
            changed.holds(behind / op.changed_step))
            y(s, c, j) = changed(s, c, behind / op.changed_step);
        else if (p < piece.border)
            y(s, c, j) = left.padded(piece.left, c, p);
        else
            y(s, c, j) = right.padded(piece.right, c, p - piece.shift);
    });
    return {};
}

}  // namespace regkit
