// Weight gradients: contraction over samples and positions (simd/outer.cpp).
//
// A task owns a block of (output, input) channels and walks all samples and all ranges of positions in order,
// so there are no copies per worker and the order of sums follows from the shapes alone.
#include <algorithm>

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::Contraction;
using cpu::floats;
using cpu::guarded;
using cpu::PhaseRows;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;

namespace {

constexpr std::int64_t kRange = 1024;         // positions whose sums are formed in registers
constexpr int kOutGroup = 32, kInGroup = 24;  // channels of a task

}  // namespace

void CpuBackend::contract(const Contraction& job) {
    const cpu::Blocks outs(job.out, kOutGroup), ins(job.in, kInGroup);
    parallel(std::int64_t{outs.count} * ins.count, [&](std::int64_t task, int) {
        const int o = outs.begin(static_cast<int>(task / ins.count));
        const int o_end = outs.begin(static_cast<int>(task / ins.count) + 1);
        const int k = ins.begin(static_cast<int>(task % ins.count));
        const int k_end = ins.begin(static_cast<int>(task % ins.count) + 1);
        cpu::OuterArgs args;
        args.dy_stride = job.dy_row;
        args.x_stride = job.x_row;
        args.offset = job.offset;
        args.taps = job.taps;
        args.out = o_end - o;
        args.in = k_end - k;
        args.dw = job.dw + o * job.dw_out + k * job.dw_in;
        args.dw_out = job.dw_out;
        args.dw_in = job.dw_in;
        args.dw_tap = job.dw_tap;
        for (std::int64_t sample = 0; sample < job.batch; ++sample) {
            args.dy = job.dy + sample * job.dy_sample + o * job.dy_row;
            args.x = job.x + sample * job.x_sample + k * job.x_row;
            for (args.begin = 0; args.begin < job.length; args.begin += kRange) {
                args.end = std::min(args.begin + kRange, job.length);
                kernels_.outer->run(args);
            }
        }
    });
}

// d_bias[c] += sum of dy over samples and positions.
void CpuBackend::add_row_sums(const Rows& dy, const Slice& d_bias) {
    if (!d_bias) return;
    parallel(dy.channels, [&](std::int64_t c, int) {
        double sum = 0;
        for (std::int64_t s = 0; s < dy.batch; ++s) sum += kernels_.optimiser->sum(dy.row(s, c), dy.length);
        floats(d_bias)[c] += static_cast<float>(sum);
    });
}

Status CpuBackend::do_conv_grad_weight(const View& x_view, const View& dy_view, const ConvGeometry& geometry,
                                       const Slice& d_weight, const Slice& d_bias) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view), dy = rows_of(dy_view);
        Contraction job;
        job.batch = static_cast<int>(x.batch);
        job.out = static_cast<int>(dy.channels);
        job.in = static_cast<int>(x.channels);
        job.taps = geometry.width;
        job.length = dy.length;
        job.dy = dy.origin;
        job.dy_sample = dy.channels * dy.stride;
        job.dy_row = dy.stride;
        job.dw = floats(d_weight);
        job.dw_out = x.channels * geometry.width;
        job.dw_in = geometry.width;
        job.dw_tap = 1;
        if (geometry.stride > 1) {
            const PhaseRows phases = split_phases(x, geometry, dy.length);
            job.x = phases.x;
            job.x_sample = phases.sample;
            job.x_row = phases.row;
            job.offset = phases.offset;
        } else {
            std::int64_t* const offset = scratch_.get<std::int64_t>(Slot::offsets, geometry.width);
            for (int t = 0; t < geometry.width; ++t)
                offset[t] = std::int64_t{t} * geometry.dilation - geometry.pad_left;
            job.x = x.origin;
            job.x_sample = x.channels * x.stride;
            job.x_row = x.stride;
            job.offset = offset;
        }
        contract(job);
        add_row_sums(dy, d_bias);
    });
}

// d_w[i][o][j] += sum over p of x[i][p] * dy[o][p*stride + j]: x takes the place of dy, and dy's phases that
// of x.
Status CpuBackend::do_up_conv_grad_weight(const View& x_view, const View& dy_view, int stride,
                                          const Slice& d_weight, const Slice& d_bias) noexcept {
    return guarded([&] {
        const Rows x = rows_of(x_view), dy = rows_of(dy_view);
        ConvGeometry geometry;
        geometry.width = geometry.stride = stride;
        const PhaseRows phases = split_phases(dy, geometry, x.length);
        Contraction job;
        job.batch = static_cast<int>(x.batch);
        job.out = static_cast<int>(x.channels);
        job.in = static_cast<int>(dy.channels);
        job.taps = stride;
        job.length = x.length;
        job.dy = x.origin;
        job.dy_sample = x.channels * x.stride;
        job.dy_row = x.stride;
        job.x = phases.x;
        job.x_sample = phases.sample;
        job.x_row = phases.row;
        job.offset = phases.offset;
        job.dw = floats(d_weight);
        job.dw_out = dy.channels * stride;
        job.dw_in = stride;
        job.dw_tap = 1;
        contract(job);
        add_row_sums(dy, d_bias);
    });
}

}  // namespace regkit
