// Batch statistics, normalisation with activation and dropout, and their gradients; addition and
// concatenation of tensors. One task a channel where sums over the batch are formed (samples in order), else
// one a row.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::floats;
using cpu::guarded;
using cpu::Rows;
using cpu::rows_of;

namespace {

constexpr std::int64_t kRange = 1024;  // positions whose moments are formed in one piece

// What one channel's normalisation does: z = x * scale + shift.
struct Channel {
    double mean = 0, deviation = 1;
    float scale = 1, shift = 0;

    Channel(const Norm* norm, std::int64_t c) {
        if (!norm) return;
        mean = static_cast<double>(floats(norm->mean)[c]);
        deviation = std::sqrt(static_cast<double>(floats(norm->var)[c]) + static_cast<double>(norm->eps));
        const double factor = static_cast<double>(floats(norm->gamma)[c]) / deviation;
        scale = static_cast<float>(factor);
        shift = static_cast<float>(static_cast<double>(floats(norm->beta)[c]) - mean * factor);
    }
};

cpu::ActArgs act_args(const Norm* norm, const Channel& channel, bool relu, const Dropout& dropout,
                      std::int64_t length, std::int64_t sample, std::int64_t c) {
    cpu::ActArgs args;
    args.length = length;
    args.scale = channel.scale;
    args.shift = channel.shift;
    args.affine = norm != nullptr;
    args.relu = relu;
    args.drop = dropout.rate > 0;
    args.key = dropout_key(dropout);
    args.sample = dropout.sample + static_cast<std::uint32_t>(sample);
    args.interleave = dropout.interleave;
    args.first_position = dropout.first;
    args.channel = c;
    return args;
}

// dx = scale * (g - mean(g) - normal(x) * mean(g * normal(x))), given the sums of g * normal(x) and g over
// `count` values.
cpu::CentredArgs centred_args(const Norm& norm, const Channel& channel, std::int64_t c, double sum_normal,
                              double sum, std::int64_t count) {
    const double scale = static_cast<double>(floats(norm.gamma)[c]) / channel.deviation;
    const double n = static_cast<double>(count);
    return {static_cast<float>(scale), static_cast<float>(sum / n),
            static_cast<float>(-scale * sum_normal / n / channel.deviation),
            static_cast<float>(channel.mean)};
}

}  // namespace

// Chan, Golub and LeVeque 1983: moments of two sets from the moments of each, in double precision.
Status CpuBackend::do_moments(const View& x_view, const Slice& mean, const Slice& var) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view);
        parallel(x.channels, [&](std::int64_t c, int) {
            double count = 0, centre = 0, m2 = 0;
            for (std::int64_t s = 0; s < x.batch; ++s)
                for (std::int64_t begin = 0; begin < x.length; begin += kRange) {
                    const std::int64_t n = std::min(kRange, x.length - begin);
                    const cpu::RowMoments part = kernels_.norm->moments(x.row(s, c) + begin, n);
                    const double size = static_cast<double>(n), delta = part.mean - centre,
                                 total = count + size;
                    m2 += part.m2 + delta * delta * count * size / total;
                    centre += delta * size / total;
                    count = total;
                }
            floats(mean)[c] = static_cast<float>(centre);
            floats(var)[c] = static_cast<float>(m2 / count);
        });
    });
}

Status CpuBackend::do_update_running(const Slice& mean, const Slice& var, std::int64_t count, float momentum,
                                     const Slice& running_mean, const Slice& running_var) noexcept {
    const double unbiased = static_cast<double>(count) / static_cast<double>(count - 1), rate = momentum;
    const auto blend = [&](float& running, double value) {
        running = static_cast<float>((1 - rate) * static_cast<double>(running) + rate * value);
    };
    for (std::int64_t c = 0; c < mean.count; ++c) {
        blend(floats(running_mean)[c], static_cast<double>(floats(mean)[c]));
        blend(floats(running_var)[c], static_cast<double>(floats(var)[c]) * unbiased);
    }
    return {};
}

Status CpuBackend::do_norm_act(const View& x_view, const Norm* norm, bool relu, const Dropout& dropout,
                               const View& y_view) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view), y = rows_of(y_view);
        parallel(x.batch * x.channels, [&](std::int64_t task, int) {
            const std::int64_t s = task / x.channels, c = task % x.channels;
            const Channel channel(norm, c);
            float* const to = y.row(s, c);
            kernels_.norm->act(act_args(norm, channel, relu, dropout, x.length, s, c), x.row(s, c), to);
            y.zero_edges(to);
        });
    });
}

Status CpuBackend::do_norm_act_grad(const View& x_view, const View& dy_view, const Norm* norm, bool relu,
                                    const Dropout& dropout, const View& dx_view, const Slice& d_gamma,
                                    const Slice& d_beta, bool whole) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view), dy = rows_of(dy_view), dx = rows_of(dx_view);
        parallel(x.channels, [&](std::int64_t c, int) {
            const Channel channel(norm, c);
            const float centre = static_cast<float>(channel.mean);
            double sums[2] = {0, 0};
            for (std::int64_t s = 0; s < x.batch; ++s) {
                kernels_.norm->act_grad(act_args(norm, channel, relu, dropout, x.length, s, c), x.row(s, c),
                                        dy.row(s, c), centre, dx.row(s, c), sums);
                dx.zero_edges(dx.row(s, c));
            }
            if (!norm) return;
            const double sum_normal = sums[1] / channel.deviation;  // of g * (x - mean) / deviation
            floats(d_gamma)[c] += static_cast<float>(sum_normal);
            floats(d_beta)[c] += static_cast<float>(sums[0]);
            if (!whole) return;
            const auto args = centred_args(*norm, channel, c, sum_normal, sums[0], x.batch * x.length);
            for (std::int64_t s = 0; s < x.batch; ++s)
                kernels_.norm->centred2(args, x.length, dx.row(s, c), x.row(s, c), dx.row(s, c));
        });
    });
}

Status CpuBackend::do_norm_grad(const View& x_view, const Norm& norm, const Slice& sum_gamma,
                                const Slice& sum_beta, std::int64_t count, const View& dx_view) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view), dx = rows_of(dx_view);
        parallel(x.batch * x.channels, [&](std::int64_t task, int) {
            const std::int64_t s = task / x.channels, c = task % x.channels;
            const auto args =
                centred_args(norm, Channel(&norm, c), c, static_cast<double>(floats(sum_gamma)[c]),
                             static_cast<double>(floats(sum_beta)[c]), count);
            kernels_.norm->centred2(args, x.length, dx.row(s, c), x.row(s, c), dx.row(s, c));
        });
    });
}

Status CpuBackend::do_add(const View& x_view, const View& y_view) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view), y = rows_of(y_view);
        parallel(x.batch * x.channels, [&](std::int64_t task, int) {
            const std::int64_t s = task / x.channels, c = task % x.channels;
            kernels_.optimiser->add(x.row(s, c), x.length, y.row(s, c));
        });
    });
}

Status CpuBackend::do_copy_channels(const View& x_view, int x_begin, const View& y_view, int y_begin,
                                    int count, bool accumulate) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view), y = rows_of(y_view);
        parallel(x.batch * count, [&](std::int64_t task, int) {
            const std::int64_t s = task / count, c = task % count;
            const float* const from = x.row(s, x_begin + c);
            float* const to = y.row(s, y_begin + c);
            if (accumulate) return kernels_.optimiser->add(from, x.length, to);
            std::copy_n(from, x.length, to);
            y.zero_edges(to);
        });
    });
}

}  // namespace regkit
