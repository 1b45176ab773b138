// Batch norm behind the up-convolution, folded into its weights (see fold_up_norm in kernels/backend.hpp),
// and the gradient of the fold. The covariance of the tail's input is a contraction of its centred rows, in
// ranges of positions whose sums are added in order in double precision; the rest is double arithmetic on
// matrices of the weights' size.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/backend_impl.hpp"
#include "kernels/cpu/tail.hpp"

namespace regkit {

using cpu::ceil_div;
using cpu::floats;
using cpu::guarded;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;

namespace {

constexpr std::int64_t kRange = 512;

double value(const Slice& slice, std::int64_t i) {
    return slice ? static_cast<double>(floats(slice)[i]) : 0.0;
}

// Mean of column oj = output * stride + phase of the up-convolution, the bias included.
double phase_mean(const UpNorm& norm, const UpNormState& state, std::int64_t oj) {
    double sum = value(norm.bias, oj / norm.stride);
    for (std::int64_t i = 0; i < norm.in; ++i)
        sum += value(norm.weight, i * norm.out * norm.stride + oj) * value(state.input_mean, i);
    return sum;
}

}  // namespace

void CpuBackend::input_statistics(const View& view, const UpNormState& state) {
    const Rows h = rows_of(view);
    const std::int64_t size = h.channels;
    // The variances are overwritten below; scratch memory is all that can be missing.
    const Status moments =
        run(Moments{.x = view, .mean = state.input_mean, .var = state.input_covariance.at(0, size)});
    if (moments.code != Status::Code::ok) throw std::bad_alloc();
    const std::int64_t ranges = ceil_div(h.length, kRange), chunks = h.batch * ranges;
    float* const sums = scratch_.get<float>(Slot::chunks, chunks * size * size);
    float* const centred = scratch_.get<float>(Slot::worker, pool_.workers() * size * kRange);
    parallel(chunks, [&](std::int64_t chunk, int worker) {
        const std::int64_t sample = chunk / ranges, begin = chunk % ranges * kRange;
        const std::int64_t n = std::min(kRange, h.length - begin);
        float* const rows = centred + worker * size * kRange;
        for (std::int64_t c = 0; c < size; ++c) {
            const float* const from = h.row(sample, c) + begin;
            const float mean = floats(state.input_mean)[c];
            float* const to = rows + c * kRange;
            for (std::int64_t p = 0; p < n; ++p) to[p] = from[p] - mean;
            std::fill(to + n, to + kRange, 0.0f);
        }
        std::fill_n(sums + chunk * size * size, size * size, 0.0f);
        cpu::OuterArgs args;
        args.dy = args.x = rows;
        args.dy_stride = args.x_stride = kRange;
        args.offset = cpu::kNoOffset;
        args.out = args.in = static_cast<int>(size);
        args.end = n;
        args.dw = sums + chunk * size * size;
        args.dw_out = size;
        args.dw_in = 1;
        kernels_.outer->run(args);
    });
    const double count = static_cast<double>(h.batch * h.length);
    for (std::int64_t i = 0; i < size * size; ++i) {
        double sum = 0;
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk)
            sum += static_cast<double>(sums[chunk * size * size + i]);
        floats(state.input_covariance)[i] = static_cast<float>(sum / count);
    }
}

// product[i][oj] = sum over k of covariance[i][k] * weight[k][oj].
void CpuBackend::covariance_times_weight(const UpNorm& norm, const UpNormState& state, double* product) {
    const std::int64_t width = std::int64_t{norm.out} * norm.stride;
    parallel(norm.in, [&](std::int64_t i, int) {
        double* const row = product + i * width;
        std::fill_n(row, width, 0.0);
        for (std::int64_t k = 0; k < norm.in; ++k) {
            const double factor = value(state.input_covariance, i * norm.in + k);
            const float* const w = floats(norm.weight) + k * width;
            for (std::int64_t oj = 0; oj < width; ++oj) row[oj] += factor * static_cast<double>(w[oj]);
        }
    });
}

Status CpuBackend::run(const FoldUpNorm& op) noexcept {
    return guarded([&] {
        if (op.state.shared_count == 0) input_statistics(op.h, op.state);
        const std::int64_t stride = op.norm.stride, width = op.norm.out * stride;
        double* const product = scratch_.get<double>(Slot::table, op.norm.in * width);
        covariance_times_weight(op.norm, op.state, product);
        parallel(op.norm.out, [&](std::int64_t o, int) {
            double mean = 0, var = 0;
            for (std::int64_t oj = o * stride; oj < (o + 1) * stride; ++oj)
                mean += phase_mean(op.norm, op.state, oj) / static_cast<double>(stride);
            for (std::int64_t oj = o * stride; oj < (o + 1) * stride; ++oj) {
                const double away = phase_mean(op.norm, op.state, oj) - mean;
                double quadratic = away * away;
                for (std::int64_t i = 0; i < op.norm.in; ++i)
                    quadratic += value(op.norm.weight, i * width + oj) * product[i * width + oj];
                var += quadratic / static_cast<double>(stride);
            }
            var = std::max(var, 0.0);  // the covariance is rounded: a constant output's can come out below
            floats(op.state.mean)[o] = static_cast<float>(mean);
            floats(op.state.var)[o] = static_cast<float>(var);
            const double scale = value(op.norm.gamma, o) / std::sqrt(var + static_cast<double>(op.norm.eps));
            for (std::int64_t i = 0; i < op.norm.in; ++i)
                for (std::int64_t oj = o * stride; oj < (o + 1) * stride; ++oj)
                    floats(op.folded_weight)[i * width + oj] =
                        static_cast<float>(value(op.norm.weight, i * width + oj) * scale);
            floats(op.folded_bias)[o] =
                static_cast<float>((value(op.norm.bias, o) - mean) * scale + value(op.norm.beta, o));
        });
    });
}

// The chain rule through s = gamma / sqrt(var + eps), the phases' means and var; then from mean and
// covariance to h: dh += d_mean / n + 2 d_covariance (h - mean) / n, a dense layer on every position.
Status CpuBackend::run(const FoldUpNormGrad& op) noexcept {
    return guarded([&] {
        const Rows h = rows_of(op.h);
        const std::int64_t stride = op.norm.stride, width = op.norm.out * stride, in = op.norm.in;
        double* const product = scratch_.get<double>(Slot::table, (in + 2) * width);
        double* const d_quadratic = product + in * width;  // [oj]
        double* const d_phase_mean = d_quadratic + width;
        covariance_times_weight(op.norm, op.state, product);
        parallel(op.norm.out, [&](std::int64_t o, int) {
            const double variance = value(op.state.var, o) + static_cast<double>(op.norm.eps);
            const double deviation = std::sqrt(variance), scale = value(op.norm.gamma, o) / deviation;
            const double d_folded = value(op.d_folded_bias, o), mean = value(op.state.mean, o);
            double d_scale = d_folded * (value(op.norm.bias, o) - mean);
            for (std::int64_t i = 0; i < in; ++i)
                for (std::int64_t oj = o * stride; oj < (o + 1) * stride; ++oj)
                    d_scale +=
                        value(op.d_folded_weight, i * width + oj) * value(op.norm.weight, i * width + oj);
            const double d_mean = -d_folded * scale, d_var = -0.5 * d_scale * scale / variance;
            floats(op.d_gamma)[o] += static_cast<float>(d_scale / deviation);
            floats(op.d_beta)[o] += static_cast<float>(d_folded);
            if (op.d_bias)
                floats(op.d_bias)[o] +=
                    static_cast<float>(d_folded * scale + d_mean);  // 0: the mean removes it
            for (std::int64_t oj = o * stride; oj < (o + 1) * stride; ++oj) {
                const double away = phase_mean(op.norm, op.state, oj) - mean;
                d_quadratic[oj] = d_var / static_cast<double>(stride);
                d_phase_mean[oj] = (d_mean + 2 * d_var * away) / static_cast<double>(stride);
                for (std::int64_t i = 0; i < in; ++i)
                    floats(op.d_weight)[i * width + oj] +=
                        static_cast<float>(value(op.d_folded_weight, i * width + oj) * scale +
                                           d_phase_mean[oj] * value(op.state.input_mean, i) +
                                           2 * d_quadratic[oj] * product[i * width + oj]);
            }
        });
        const double count =
            static_cast<double>(op.state.shared_count > 0 ? op.state.shared_count : h.batch * h.length);
        float* const map = scratch_.get<float>(Slot::worker, in * in + in);
        float* const constant = map + in * in;
        parallel(in, [&](std::int64_t i, int) {
            const float* const w = floats(op.norm.weight) + i * width;
            double offset = 0;
            for (std::int64_t oj = 0; oj < width; ++oj)
                offset += d_phase_mean[oj] * static_cast<double>(w[oj]);
            for (std::int64_t k = 0; k < in; ++k) {
                const float* const other = floats(op.norm.weight) + k * width;
                double sum = 0;
                for (std::int64_t oj = 0; oj < width; ++oj)
                    sum += d_quadratic[oj] * static_cast<double>(w[oj]) * static_cast<double>(other[oj]);
                map[i * in + k] = static_cast<float>(2 * sum / count);
                offset -= 2 * sum * value(op.state.input_mean, k);
            }
            constant[i] = static_cast<float>(offset / count);
        });
        cpu::Correlation job;
        job.batch = static_cast<int>(h.batch);
        job.in = job.out = op.norm.in;
        job.taps = 1;
        job.x = h.origin;
        job.x_sample = h.channels * h.stride;
        job.x_row = h.stride;
        job.offset = cpu::kNoOffset;
        job.w = map;
        job.w_out = in;
        job.w_in = 1;
        job.bias = constant;
        job.accumulate = true;
        job.exact = true;
        job.y = rows_of(op.dh);
        correlate(job);
    });
}

}  // namespace regkit
