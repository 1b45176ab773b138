// Gradient norm and Adam over the flat arrays, in pieces whose size is fixed, so that their sums are too.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::ceil_div;
using cpu::floats;
using cpu::guarded;
using cpu::Slot;

namespace {

constexpr std::int64_t kPiece = 16384;

}  // namespace

Status CpuBackend::run(const GradNorm& op) noexcept {
    return guarded([&] {
        const std::int64_t pieces = ceil_div(op.gradient.count, kPiece);
        double* const part = scratch_.get<double>(Slot::chunks, pieces);
        parallel(pieces, [&](std::int64_t piece, int) {
            const std::int64_t begin = piece * kPiece;
            part[piece] = kernels_.optimiser->sum_of_squares(floats(op.gradient) + begin,
                                                             std::min(kPiece, op.gradient.count - begin));
        });
        double squares = 0;
        for (std::int64_t piece = 0; piece < pieces; ++piece) squares += part[piece];
        floats(op.norm)[0] = static_cast<float>(std::sqrt(squares));
    });
}

// Kingma and Ba 2015, algorithm 1; eps stands beside the corrected root, as in PyTorch.
Status CpuBackend::run(const Adam& op) noexcept {
    return guarded([&] {
        const double count = static_cast<double>(op.step.step);
        const double correction1 = 1 - std::pow(static_cast<double>(op.step.beta1), count);
        const double correction2 = 1 - std::pow(static_cast<double>(op.step.beta2), count);
        cpu::AdamArgs args{};
        args.step_size = static_cast<float>(static_cast<double>(op.step.learning_rate) / correction1);
        args.beta1 = op.step.beta1;
        args.beta2 = op.step.beta2;
        args.eps = op.step.eps;
        args.root_correction = static_cast<float>(1 / std::sqrt(correction2));
        args.gradient_scale =
            op.step.clip_norm > 0 ? std::min(1.0f, op.step.clip_norm / floats(op.norm)[0]) : 1.0f;
        parallel(ceil_div(op.parameters.count, kPiece), [&](std::int64_t piece, int) {
            const std::int64_t begin = piece * kPiece;
            kernels_.optimiser->adam(
                args, floats(op.gradient) + begin, std::min(kPiece, op.parameters.count - begin),
                floats(op.parameters) + begin, floats(op.m) + begin, floats(op.v) + begin);
        });
    });
}

}  // namespace regkit
