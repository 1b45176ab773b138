// Rows of kept windows with changed values among them: a thread a value.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/elements.hpp"

namespace regkit {

using cuda::Place;
using cuda::Tensor;
using cuda::tensor_of;

namespace {

struct SpliceAt {
    Tensor left, right, changed, y;
    std::int64_t step, changed_step;
    const SplicePiece* pieces;
    __device__ void operator()(std::int64_t i) const {
        const Place at = y.place(i);
        const SplicePiece piece = pieces[at.sample];
        const std::int64_t p = piece.first + at.position * step, behind = p - piece.changed;
        const bool is_changed =
            changed.data && behind >= 0 && behind % changed_step == 0 && changed.holds(behind / changed_step);
        float value = 0;
        if (is_changed)
            value = changed.at(at.sample, at.channel, behind / changed_step);
        else if (p < piece.border)
            value = left.holds(p) ? left.at(piece.left, at.channel, p) : 0;
        else
            value = right.holds(p - piece.shift) ? right.at(piece.right, at.channel, p - piece.shift) : 0;
        y.data[i] = value;
    }
};

}  // namespace

Status CudaBackend::run(const Splice& op) noexcept {
    return guarded([&] {
        const SplicePiece* const pieces =
            scratch_.upload(cuda::Scratch::kPieces, op.pieces.data(), std::ssize(op.pieces));
        cuda::for_each(op.y.shape.size(),
                       SpliceAt{tensor_of(op.left), tensor_of(op.right), tensor_of(op.changed),
                                tensor_of(op.y), op.step, op.changed_step, pieces});
    });
}

}  // namespace regkit
