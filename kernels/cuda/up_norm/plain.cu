// Batch norm behind the up-convolution, folded into its weights (see fold_up_norm in kernels/backend.hpp),
// and the gradient of the fold. Columns of the up-convolution's weight [in][out][stride] are numbered oj =
// output * stride + phase. In double: matrices of the weights' size only, and the covariance's rounding must
// not show.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/sums.hpp"

namespace regkit {

using cuda::Place;
using cuda::pointer_to;
using cuda::Scratch;
using cuda::Tensor;
using cuda::tensor_of;

namespace {

struct InputMean {
    Tensor h;
    float* mean;
    __device__ double term(std::int64_t channel, std::int64_t i) const {
        return h.at(i / h.length, channel, i % h.length);
    }
    __device__ void store(std::int64_t channel, double total) const {
        mean[channel] = static_cast<float>(total / static_cast<double>(h.batch * h.length));
    }
};

struct Covariance {
    Tensor h;
    const float* mean;
    float* covariance;
    __device__ double centred(std::int64_t channel, std::int64_t i) const {
        return static_cast<double>(h.at(i / h.length, channel, i % h.length)) - mean[channel];
    }
    __device__ double term(std::int64_t entry, std::int64_t i) const {
        return centred(entry / h.channels, i) * centred(entry % h.channels, i);
    }
    __device__ void store(std::int64_t entry, double total) const {
        covariance[entry] = static_cast<float>(total / static_cast<double>(h.batch * h.length));
    }
};

// The fold's operands on the device, and what it keeps for itself.
struct Fold {
    std::int64_t in, out, stride;
    double eps;
    const float* weight;
    const float* bias;  // may be null
    const float* gamma;
    const float* beta;
    const float* input_mean;
    const float* covariance;
    float* mean;
    float* var;
    double* product;  // [in][oj]: covariance times weight

    __host__ __device__ std::int64_t width() const { return out * stride; }
    __device__ double bias_of(std::int64_t o) const { return bias ? bias[o] : 0.0f; }
    // Mean of column oj, the bias included.
    __device__ double phase_mean(std::int64_t oj) const {
        double sum = bias_of(oj / stride);
        for (std::int64_t i = 0; i < in; ++i)
            sum += static_cast<double>(weight[i * width() + oj]) * input_mean[i];
        return sum;
    }
};

struct Product {
    Fold fold;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t i = index / fold.width(), oj = index % fold.width();
        double sum = 0;
        for (std::int64_t k = 0; k < fold.in; ++k)
            sum += static_cast<double>(fold.covariance[i * fold.in + k]) * fold.weight[k * fold.width() + oj];
        fold.product[index] = sum;
    }
};

// Statistics of one output, its folded weights and bias.
struct FoldOutput {
    Fold fold;
    float* folded_weight;
    float* folded_bias;
    __device__ void operator()(std::int64_t o) const {
        const std::int64_t begin = o * fold.stride, end = begin + fold.stride, width = fold.width();
        const double phases = static_cast<double>(fold.stride);
        double mean = 0, var = 0;
        for (std::int64_t oj = begin; oj < end; ++oj) mean += fold.phase_mean(oj) / phases;
        for (std::int64_t oj = begin; oj < end; ++oj) {
            const double away = fold.phase_mean(oj) - mean;
            double quadratic = away * away;
            for (std::int64_t i = 0; i < fold.in; ++i)
                quadratic += fold.weight[i * width + oj] * fold.product[i * width + oj];
            var += quadratic / phases;
        }
        if (var < 0) var = 0;  // the covariance is rounded: a constant output's can come out below
        fold.mean[o] = static_cast<float>(mean);
        fold.var[o] = static_cast<float>(var);
        const double scale = fold.gamma[o] / sqrt(var + fold.eps);
        for (std::int64_t i = 0; i < fold.in; ++i)
            for (std::int64_t oj = begin; oj < end; ++oj)
                folded_weight[i * width + oj] = static_cast<float>(fold.weight[i * width + oj] * scale);
        folded_bias[o] = static_cast<float>((fold.bias_of(o) - mean) * scale + fold.beta[o]);
    }
};

// From the folded layer's gradient to the layer's own, of one output; through s = gamma / sqrt(var + eps),
// the phases' means and var. Leaves the gradients of each column's quadratic form and mean.
struct GradientOfOutput {
    Fold fold;
    const float* d_folded_weight;
    const float* d_folded_bias;
    float* d_weight;
    float* d_bias;  // may be null
    float* d_gamma;
    float* d_beta;
    double* d_quadratic;   // [oj]
    double* d_phase_mean;  // [oj]
    __device__ void operator()(std::int64_t o) const {
        const std::int64_t begin = o * fold.stride, end = begin + fold.stride, width = fold.width();
        const double phases = static_cast<double>(fold.stride);
        const double variance = fold.var[o] + fold.eps, deviation = sqrt(variance);
        const double scale = fold.gamma[o] / deviation, d_folded = d_folded_bias[o], mean = fold.mean[o];
        double d_scale = d_folded * (fold.bias_of(o) - mean);
        for (std::int64_t i = 0; i < fold.in; ++i)
            for (std::int64_t oj = begin; oj < end; ++oj)
                d_scale += static_cast<double>(d_folded_weight[i * width + oj]) * fold.weight[i * width + oj];
        const double d_mean = -d_folded * scale, d_var = -0.5 * d_scale * scale / variance;
        d_gamma[o] += static_cast<float>(d_scale / deviation);
        d_beta[o] += static_cast<float>(d_folded);
        if (d_bias) d_bias[o] += static_cast<float>(d_folded * scale + d_mean);  // 0: the mean removes it
        for (std::int64_t oj = begin; oj < end; ++oj) {
            d_quadratic[oj] = d_var / phases;
            d_phase_mean[oj] = (d_mean + 2 * d_var * (fold.phase_mean(oj) - mean)) / phases;
            for (std::int64_t i = 0; i < fold.in; ++i)
                d_weight[i * width + oj] += static_cast<float>(
                    d_folded_weight[i * width + oj] * scale + d_phase_mean[oj] * fold.input_mean[i] +
                    2 * d_quadratic[oj] * fold.product[i * width + oj]);
        }
    }
};

// Gradients of the input's mean [in], then of its covariance [in][in].
struct GradientOfStatistics {
    Fold fold;
    const double* d_quadratic;
    const double* d_phase_mean;
    double* d_statistics;
    __device__ void operator()(std::int64_t index) const {
        const bool of_mean = index < fold.in;
        const std::int64_t i = of_mean ? index : index / fold.in - 1, k = index % fold.in;
        const float* const a = fold.weight + i * fold.width();
        const float* const b = fold.weight + k * fold.width();
        double sum = 0;
        for (std::int64_t oj = 0; oj < fold.width(); ++oj)
            sum += of_mean ? d_phase_mean[oj] * a[oj] : d_quadratic[oj] * a[oj] * b[oj];
        d_statistics[index] = sum;
    }
};

// dh += d_mean / n + 2 d_covariance (h - mean) / n
struct InputGradient {
    Fold fold;
    Tensor h, dh;
    const double* d_statistics;
    double count;
    __device__ void operator()(std::int64_t index) const {
        const Place at = h.place(index);
        const double* const row = d_statistics + (1 + at.channel) * fold.in;
        double sum = d_statistics[at.channel];
        for (std::int64_t k = 0; k < fold.in; ++k)
            sum += 2 * row[k] * (static_cast<double>(h.at(at.sample, k, at.position)) - fold.input_mean[k]);
        dh.data[index] += static_cast<float>(sum / count);
    }
};

Fold fold_of(const UpNorm& norm, const UpNormState& state, double* product) {
    return {norm.in,
            norm.out,
            norm.stride,
            norm.eps,
            pointer_to(norm.weight),
            pointer_to(norm.bias),
            pointer_to(norm.gamma),
            pointer_to(norm.beta),
            pointer_to(state.input_mean),
            pointer_to(state.input_covariance),
            pointer_to(state.mean),
            pointer_to(state.var),
            product};
}

}  // namespace

Status CudaBackend::run(const FoldUpNorm& op) noexcept {
    return guarded([&] {
        const Tensor h = tensor_of(op.h);
        float* const mean = pointer_to(op.state.input_mean);
        const std::int64_t terms = h.batch * h.length;
        if (op.state.shared_count == 0) {
            cuda::sum_each(h.channels, terms, InputMean{h, mean});
            cuda::sum_each(h.channels * h.channels, terms,
                           Covariance{h, mean, pointer_to(op.state.input_covariance)});
        }
        const Fold fold =
            fold_of(op.norm, op.state, scratch_.get<double>(Scratch::kState, op.norm.weight.count));
        cuda::for_each(op.norm.weight.count, Product{fold});
        cuda::for_each(op.norm.out,
                       FoldOutput{fold, pointer_to(op.folded_weight), pointer_to(op.folded_bias)});
    });
}

Status CudaBackend::run(const FoldUpNormGrad& op) noexcept {
    return guarded([&] {
        const Tensor h = tensor_of(op.h);
        const std::int64_t in = op.norm.in, width = std::int64_t{op.norm.out} * op.norm.stride;
        const std::int64_t statistics = in + in * in;
        double* const product = scratch_.get<double>(Scratch::kState, in * width + 2 * width + statistics);
        double* const d_quadratic = product + in * width;
        double* const d_phase_mean = d_quadratic + width;
        double* const d_statistics = d_phase_mean + width;
        const Fold fold = fold_of(op.norm, op.state, product);
        cuda::for_each(in * width, Product{fold});
        cuda::for_each(op.norm.out, GradientOfOutput{fold, pointer_to(op.d_folded_weight),
                                                     pointer_to(op.d_folded_bias), pointer_to(op.d_weight),
                                                     pointer_to(op.d_bias), pointer_to(op.d_gamma),
                                                     pointer_to(op.d_beta), d_quadratic, d_phase_mean});
        cuda::for_each(statistics, GradientOfStatistics{fold, d_quadratic, d_phase_mean, d_statistics});
        const std::int64_t count = op.state.shared_count > 0 ? op.state.shared_count : h.batch * h.length;
        cuda::for_each(h.size(),
                       InputGradient{fold, h, tensor_of(op.dh), d_statistics, static_cast<double>(count)});
    });
}

}  // namespace regkit
