// The norm of the gradient and a step of Adam. The norm is taken in two rounds, squares in pieces of a fixed
// size and then the pieces, in double, so that the order of its sum depends on the number of values alone.
// Adam is a thread a parameter and reads the norm where it lies on the device, so that the host need not wait
// for it.
#include <cmath>

#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/sums.hpp"

namespace regkit {

using cuda::pointer_to;
using cuda::Scratch;

namespace {

constexpr std::int64_t kPiece = 1 << 14;  // values whose squares one block adds up

struct Squares {
    const float* values;
    std::int64_t count;
    double* sums;  // one a piece
    __device__ double term(std::int64_t piece, std::int64_t i) const {
        const std::int64_t at = piece * kPiece + i;
        const double value = at < count ? values[at] : 0.0f;
        return value * value;
    }
    __device__ void store(std::int64_t piece, double total) const { sums[piece] = total; }
};

struct Root {
    const double* sums;
    float* norm;
    __device__ double term(std::int64_t, std::int64_t piece) const { return sums[piece]; }
    __device__ void store(std::int64_t, double total) const { *norm = static_cast<float>(sqrt(total)); }
};

// Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1, with PyTorch's place for
// eps.
struct AdamAt {
    float* parameters;
    const float* gradient;
    float* m;
    float* v;
    const float* norm;  // null: no clipping
    float beta1, beta2, clip_norm, eps;
    float step_size, root_correction2;
    __device__ void operator()(std::int64_t i) const {
        const float clip = norm ? clip_norm / *norm : 1.0f;
        const float d = gradient[i] * (clip < 1 ? clip : 1.0f);
        m[i] = fmaf(beta1, m[i], (1 - beta1) * d);
        v[i] = fmaf(beta2, v[i], (1 - beta2) * d * d);
        parameters[i] -= step_size * m[i] / (sqrtf(v[i]) / root_correction2 + eps);
    }
};

}  // namespace

Status CudaBackend::run(const GradNorm& op) noexcept {
    return guarded([&] {
        const std::int64_t pieces = (op.gradient.count + kPiece - 1) / kPiece;
        double* const sums = scratch_.get<double>(Scratch::kSums, pieces);
        cuda::sum_each(pieces, kPiece, Squares{pointer_to(op.gradient), op.gradient.count, sums});
        cuda::sum_each(1, pieces, Root{sums, pointer_to(op.norm)});
    });
}

Status CudaBackend::run(const Adam& op) noexcept {
    return guarded([&] {
        const double t = static_cast<double>(op.step.step);
        const double correction1 = 1 - std::pow(static_cast<double>(op.step.beta1), t);
        const double correction2 = 1 - std::pow(static_cast<double>(op.step.beta2), t);
        AdamAt adam{pointer_to(op.parameters),
                    pointer_to(op.gradient),
                    pointer_to(op.m),
                    pointer_to(op.v),
                    nullptr,
                    op.step.beta1,
                    op.step.beta2,
                    op.step.clip_norm,
                    op.step.eps,
                    0,
                    0};
        if (op.step.clip_norm > 0) adam.norm = pointer_to(op.norm);
        adam.step_size = static_cast<float>(static_cast<double>(op.step.learning_rate) / correction1);
        adam.root_correction2 = static_cast<float>(std::sqrt(correction2));
        cuda::for_each(op.parameters.count, adam);
    });
}

}  // namespace regkit
