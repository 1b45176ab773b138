// Moments, normalisation + ReLU + dropout with its gradient, running statistics.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/dropout_factor.hpp"
#include "kernels/cuda/sums.hpp"

namespace regkit {

using cuda::DropoutFactor;
using cuda::Place;
using cuda::pointer_to;
using cuda::Scratch;
using cuda::Tensor;
using cuda::tensor_of;

namespace {

// Element `i` of a channel's batch * length.
__device__ float& in_channel(const Tensor& x, std::int64_t channel, std::int64_t i) {
    return x.at(i / x.length, channel, i % x.length);
}

std::int64_t count_of(const Tensor& x) {
    return x.batch * x.length;
}

struct Mean {
    Tensor x;
    double count;
    float* mean;
    __device__ double term(std::int64_t channel, std::int64_t i) const { return in_channel(x, channel, i); }
    __device__ void store(std::int64_t channel, double total) const {
        mean[channel] = static_cast<float>(total / count);
    }
};

struct Variance {
    Tensor x;
    double count;
    const float* mean;
    float* var;
    __device__ double term(std::int64_t channel, std::int64_t i) const {
        const double away = in_channel(x, channel, i) - mean[channel];
        return away * away;
    }
    __device__ void store(std::int64_t channel, double total) const {
        var[channel] = static_cast<float>(total / count);
    }
};

struct UpdateRunningAt {
    const float* batch;
    float factor, keep;
    float* running;
    __device__ void operator()(std::int64_t i) const {
        running[i] = fmaf(keep, running[i], factor * batch[i]);
    }
};

// A Norm's channels; the identity where there is none.
struct Channels {
    const float* mean = nullptr;
    const float* var = nullptr;
    const float* gamma = nullptr;
    const float* beta = nullptr;
    float eps = 0;

    explicit Channels(const Norm* norm) {
        if (norm)
            *this = Channels(pointer_to(norm->mean), pointer_to(norm->var), pointer_to(norm->gamma),
                             pointer_to(norm->beta), norm->eps);
    }
    Channels(const float* mean_, const float* var_, const float* gamma_, const float* beta_, float eps_)
        : mean(mean_), var(var_), gamma(gamma_), beta(beta_), eps(eps_) {}

    __device__ float scale(std::int64_t channel) const { return 1.0f / sqrtf(var[channel] + eps); }
    __device__ float normal(float x, std::int64_t channel) const {
        return (x - mean[channel]) * scale(channel);
    }
    __device__ float operator()(float x, std::int64_t channel) const {
        return mean ? fmaf(normal(x, channel), gamma[channel], beta[channel]) : x;
    }
};

struct NormActAt {
    Tensor x;
    Channels norm;
    bool relu;
    DropoutFactor dropout;
    float* y;
    __device__ void operator()(std::int64_t i) const {
        const Place at = x.place(i);
        const float value = norm(x.data[i], at.channel);
        y[i] = (relu ? cuda::relu_of(value) : value) * dropout(at);
    }
};

// The gradient of the normalised value's affine image, in place of dx (which may be dy itself).
struct ActGradient {
    Tensor x;
    Channels norm;
    bool relu;
    DropoutFactor dropout;
    const float* dy;
    float* dx;
    __device__ void operator()(std::int64_t i) const {
        const Place at = x.place(i);
        const bool passes = !relu || norm(x.data[i], at.channel) > 0;
        dx[i] = passes ? dy[i] * dropout(at) : 0.0f;
    }
};

// Sums over a channel, of the gradient and of its product with the normal value: [0] and [1] of a pair.
struct ChannelGradient {
    Tensor x;
    Channels norm;
    const float* dx;
    float* d_gamma;
    float* d_beta;
    double* sums;  // [channels][2]
    __device__ double term(std::int64_t output, std::int64_t i) const {
        const std::int64_t channel = output / 2;
        const float& value = in_channel(x, channel, i);
        const double d = dx[&value - x.data];
        return output % 2 == 0 ? d : d * norm.normal(value, channel);
    }
    __device__ void store(std::int64_t output, double total) const {
        sums[output] = total;
        float* const gradient = output % 2 == 0 ? d_beta : d_gamma;
        gradient[output / 2] += static_cast<float>(total);
    }
};

// The terms through the moments, from a channel's two sums over `count` values, each `step` apart.
template <typename Sum>
struct InputGradient {
    Tensor x;
    Channels norm;
    double count;
    const Sum* sums;
    const Sum* sums_normal;
    std::int64_t step;
    float* dx;
    __device__ void operator()(std::int64_t i) const {
        const std::int64_t channel = x.place(i).channel;
        const float mean = static_cast<float>(sums[step * channel] / count);
        const float mean_normal = static_cast<float>(sums_normal[step * channel] / count);
        dx[i] = norm.gamma[channel] * norm.scale(channel) *
                (dx[i] - mean - norm.normal(x.data[i], channel) * mean_normal);
    }
};

}  // namespace

Status CudaBackend::run(const Moments& op) noexcept {
    return guarded([&] {
        const Tensor x = tensor_of(op.x);
        const std::int64_t terms = count_of(x);
        const double count = static_cast<double>(terms);
        cuda::sum_each(x.channels, terms, Mean{x, count, pointer_to(op.mean)});
        cuda::sum_each(x.channels, terms, Variance{x, count, pointer_to(op.mean), pointer_to(op.var)});
    });
}

Status CudaBackend::run(const UpdateRunning& op) noexcept {
    return guarded([&] {
        const double unbiased = static_cast<double>(op.count) / static_cast<double>(op.count - 1);
        const auto var_factor = static_cast<float>(static_cast<double>(op.momentum) * unbiased);
        cuda::for_each(op.mean.count, UpdateRunningAt{pointer_to(op.mean), op.momentum, 1 - op.momentum,
                                                      pointer_to(op.running_mean)});
        cuda::for_each(op.mean.count, UpdateRunningAt{pointer_to(op.var), var_factor, 1 - op.momentum,
                                                      pointer_to(op.running_var)});
    });
}

Status CudaBackend::run(const NormAct& op) noexcept {
    return guarded([&] {
        const Tensor x = tensor_of(op.x);
        cuda::for_each(x.size(), NormActAt{x, Channels(op.norm), op.relu, DropoutFactor(op.dropout),
                                           tensor_of(op.y).data});
    });
}

Status CudaBackend::run(const NormActGrad& op) noexcept {
    return guarded([&] {
        const Tensor x = tensor_of(op.x);
        float* const dx = tensor_of(op.dx).data;
        const Channels channels(op.norm);
        cuda::for_each(x.size(), ActGradient{x, channels, op.relu, DropoutFactor(op.dropout),
                                             tensor_of(op.dy).data, dx});
        if (!op.norm) return;
        double* const sums = scratch_.get<double>(Scratch::kSums, 2 * x.channels);
        cuda::sum_each(2 * x.channels, count_of(x),
                       ChannelGradient{x, channels, dx, pointer_to(op.d_gamma), pointer_to(op.d_beta), sums});
        if (!op.is_part)
            cuda::for_each(x.size(), InputGradient<double>{x, channels, static_cast<double>(count_of(x)),
                                                           sums, sums + 1, 2, dx});
    });
}

Status CudaBackend::run(const NormGrad& op) noexcept {
    return guarded([&] {
        const Tensor x = tensor_of(op.x);
        cuda::for_each(x.size(), InputGradient<float>{x, Channels(&op.norm), static_cast<double>(op.count),
                                                      pointer_to(op.sum_beta), pointer_to(op.sum_gamma), 1,
                                                      tensor_of(op.dx).data});
    });
}

}  // namespace regkit
