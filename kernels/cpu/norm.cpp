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
Status CpuBackend::run(const Moments& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x);
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
            floats(op.mean)[c] = static_cast<float>(centre);
            floats(op.var)[c] = static_cast<float>(m2 / count);
        });
    });
}

Status CpuBackend::run(const UpdateRunning& op) noexcept {
    const double unbiased = static_cast<double>(op.count) / static_cast<double>(op.count - 1),
                 rate = op.momentum;
    const auto blend = [&](float& running, double value) {
        running = static_cast<float>((1 - rate) * static_cast<double>(running) + rate * value);
    };
    for (std::int64_t c = 0; c < op.mean.count; ++c) {
        blend(floats(op.running_mean)[c], static_cast<double>(floats(op.mean)[c]));
        blend(floats(op.running_var)[c], static_cast<double>(floats(op.var)[c]) * unbiased);
    }
    return {};
}

Status CpuBackend::run(const NormAct& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), y = rows_of(op.y);
        parallel(x.batch * x.channels, [&](std::int64_t task, int) {
            const std::int64_t s = task / x.channels, c = task % x.channels;
            const Channel channel(op.norm, c);
            float* const to = y.row(s, c);
            kernels_.norm->act(act_args(op.norm, channel, op.relu, op.dropout, x.length, s, c), x.row(s, c),
                               to);
            y.zero_edges(to);
        });
    });
}

Status CpuBackend::run(const NormActGrad& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), dy = rows_of(op.dy), dx = rows_of(op.dx);
        parallel(x.channels, [&](std::int64_t c, int) {
            const Channel channel(op.norm, c);
            const float centre = static_cast<float>(channel.mean);
            double sums[2] = {0, 0};
            for (std::int64_t s = 0; s < x.batch; ++s) {
                kernels_.norm->act_grad(act_args(op.norm, channel, op.relu, op.dropout, x.length, s, c),
                                        x.row(s, c), dy.row(s, c), centre, dx.row(s, c), sums);
                dx.zero_edges(dx.row(s, c));
            }
            if (!op.norm) return;
            const double sum_normal = sums[1] / channel.deviation;  // of g * (x - mean) / deviation
            floats(op.d_gamma)[c] += static_cast<float>(sum_normal);
            floats(op.d_beta)[c] += static_cast<float>(sums[0]);
            if (op.is_part) return;
            const auto args = centred_args(*op.norm, channel, c, sum_normal, sums[0], x.batch * x.length);
            for (std::int64_t s = 0; s < x.batch; ++s)
                kernels_.norm->centred2(args, x.length, dx.row(s, c), x.row(s, c), dx.row(s, c));
        });
    });
}

Status CpuBackend::run(const NormGrad& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), dx = rows_of(op.dx);
        parallel(x.batch * x.channels, [&](std::int64_t task, int) {
            const std::int64_t s = task / x.channels, c = task % x.channels;
            const auto args =
                centred_args(op.norm, Channel(&op.norm, c), c, static_cast<double>(floats(op.sum_gamma)[c]),
                             static_cast<double>(floats(op.sum_beta)[c]), op.count);
            kernels_.norm->centred2(args, x.length, dx.row(s, c), x.row(s, c), dx.row(s, c));
        });
    });
}

Status CpuBackend::run(const Add& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), y = rows_of(op.y);
        parallel(x.batch * x.channels, [&](std::int64_t task, int) {
            const std::int64_t s = task / x.channels, c = task % x.channels;
            kernels_.optimiser->add(x.row(s, c), x.length, y.row(s, c));
        });
    });
}

Status CpuBackend::run(const CopyChannels& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), y = rows_of(op.y);
        parallel(x.batch * op.count, [&](std::int64_t task, int) {
            const std::int64_t s = task / op.count, c = task % op.count;
            const float* const from = x.row(s, op.x_begin + c);
            float* const to = y.row(s, op.y_begin + c);
            if (op.accumulate) return kernels_.optimiser->add(from, x.length, to);
            std::copy_n(from, x.length, to);
            y.zero_edges(to);
        });
    });
}

}  // namespace regkit
