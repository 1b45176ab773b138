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

Status CpuBackend::do_grad_norm(const Slice& gradient, const Slice& norm) noexcept {
    return guarded([&] {
        const std::int64_t pieces = ceil_div(gradient.count, kPiece);
        double* const part = scratch_.get<double>(Slot::chunks, pieces);
        parallel(pieces, [&](std::int64_t piece, int) {
            const std::int64_t begin = piece * kPiece;
            part[piece] = kernels_.optimiser->sum_of_squares(floats(gradient) + begin,
                                                             std::min(kPiece, gradient.count - begin));
        });
        double squares = 0;
        for (std::int64_t piece = 0; piece < pieces; ++piece) squares += part[piece];
        floats(norm)[0] = static_cast<float>(std::sqrt(squares));
    });
}

// Kingma and Ba 2015, algorithm 1; eps stands beside the corrected root, as in PyTorch.
Status CpuBackend::do_adam(const Slice& parameters, const Slice& gradient, const Slice& m, const Slice& v,
                           const AdamStep& step, const Slice& norm) noexcept {
    return guarded([&] {
        const double count = static_cast<double>(step.step);
        const double correction1 = 1 - std::pow(static_cast<double>(step.beta1), count);
        const double correction2 = 1 - std::pow(static_cast<double>(step.beta2), count);
        cpu::AdamArgs args{};
        args.step_size = static_cast<float>(static_cast<double>(step.learning_rate) / correction1);
        args.beta1 = step.beta1;
        args.beta2 = step.beta2;
        args.eps = step.eps;
        args.root_correction = static_cast<float>(1 / std::sqrt(correction2));
        args.gradient_scale = step.clip_norm > 0 ? std::min(1.0f, step.clip_norm / floats(norm)[0]) : 1.0f;
        parallel(ceil_div(parameters.count, kPiece), [&](std::int64_t piece, int) {
            const std::int64_t begin = piece * kPiece;
            kernels_.optimiser->adam(args, floats(gradient) + begin,
                                     std::min(kPiece, parameters.count - begin), floats(parameters) + begin,
                                     floats(m) + begin, floats(v) + begin);
        });
    });
}

}  // namespace regkit
