// Weight gradients: contraction over samples and positions (simd/outer.cpp).
//
// A task owns a block of (output, input) channels and walks all samples and all ranges of positions in order,
// so there are no copies per worker and the order of sums follows from the shapes alone. In bf16 both
// operands are first copied to rows of neighbouring positions in pairs. With one tap, many inputs and
// short rows the tile of the other products does it (contract_dense).
#include <algorithm>

#include "kernels/cpu/backend_impl.hpp"
#include "kernels/cpu/panel.hpp"

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
constexpr int kDenseInputs = 256;             // from which short rows are summed with inputs in the lanes
constexpr int kDenseRows = 128;               // rows of the weight of a task there

// Channels in about equal groups of whole tiles: a tile that is not full costs nearly as much as one that is.
class Groups {
  public:
    Groups(int channels, int group, int tile) : groups_(channels, group), tile_(tile) {}
    int count() const { return groups_.count; }
    int begin(std::int64_t g) const {
        return g == groups_.count ? groups_.out : groups_.begin(static_cast<int>(g)) / tile_ * tile_;
    }

  private:
    cpu::Blocks groups_;
    int tile_;
};

}  // namespace

// In bf16: replaces job.x and job.dy by rows of words; they stay until the next call.
void CpuBackend::adjoin(Contraction& job) {
    if (!kernels_.bf16) return;
    constexpr std::int64_t kStep = 2 * cpu::kAlign;  // positions that the kernel takes at a time, at most
    // Positions [begin, end), begin even, of rows of words of which [-left, ...) fit in; zeros around them.
    const auto copy = [&](Slot slot, const float* from, std::int64_t sample, std::int64_t stride,
                          int channels, std::int64_t left, std::int64_t begin, std::int64_t end,
                          std::int64_t row) {
        float* const words = scratch_.get<float>(slot, job.batch * channels * row);
        parallel(std::int64_t{job.batch} * channels, [&](std::int64_t task, int) {
            float* const to = words + task * row;
            std::fill_n(to, row, 0.0f);
            kernels_.bf16->adjoin(from + task / channels * sample + task % channels * stride + begin,
                                  end - begin, to + (left + begin) / 2);
        });
        return words + left / 2;
    };
    const auto row_of = [](std::int64_t positions) { return cpu::odd_stride((positions + 1) / 2); };
    const auto [low, high] = std::minmax_element(job.offset, job.offset + job.taps);
    const std::int64_t before = cpu::round_up(std::max<std::int64_t>(-*low, 0), 2);
    const std::int64_t left = cpu::round_up(before, kStep), length = cpu::round_up(job.length, kStep);
    const std::int64_t dy_row = row_of(length),
                       x_row = row_of(left + std::max<std::int64_t>(*high, 0) + length);
    job.dy = copy(Slot::dy_words, job.dy, job.dy_sample, job.dy_row, job.out, 0, 0, job.length, dy_row);
    job.x = copy(Slot::words, job.x, job.x_sample, job.x_row, job.in, left, -before,
                 std::max<std::int64_t>(*high + job.length, -before), x_row);  // beyond, dy is zero
    job.dy_row = dy_row;
    job.dy_sample = job.out * dy_row;
    job.x_row = x_row;
    job.x_sample = job.in * x_row;
}

void CpuBackend::contract(Contraction job) {
    adjoin(job);
    const Groups outs(job.out, kOutGroup, kernels_.product_outer->out_block);
    const Groups ins(job.in, kInGroup, kernels_.product_outer->in_block);
    parallel(std::int64_t{outs.count()} * ins.count(), [&](std::int64_t task, int) {
        const int o = outs.begin(task / ins.count()), o_end = outs.begin(task / ins.count() + 1);
        const int k = ins.begin(task % ins.count()), k_end = ins.begin(task % ins.count() + 1);
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
                kernels_.product_outer->run(args);
            }
        }
    });
}

// Short rows of samples one after another in long ones, a few samples at a time: the tile's sums over lanes
// come once a range.
void CpuBackend::contract_short_rows(const Contraction& job) {
    const std::int64_t pitch = cpu::round_up(job.length, cpu::kAlign);
    const std::int64_t joined = std::min<std::int64_t>(job.batch, kRange / pitch);
    const std::int64_t row = cpu::odd_stride(joined * pitch);
    float* const memory = scratch_.get<float>(Slot::panel, (job.out + job.in) * row);
    for (std::int64_t first = 0; first < job.batch; first += joined) {
        const std::int64_t count = std::min(joined, job.batch - first);
        parallel(job.out + job.in, [&](std::int64_t channel, int) {
            const bool is_dy = channel < job.out;
            const float* const from =
                is_dy ? job.dy + first * job.dy_sample + channel * job.dy_row
                      : job.x + first * job.x_sample + (channel - job.out) * job.x_row + job.offset[0];
            for (std::int64_t s = 0; s < count; ++s)
                std::fill_n(std::copy_n(from + s * (is_dy ? job.dy_sample : job.x_sample), job.length,
                                        memory + channel * row + s * pitch),
                            pitch - job.length, 0.0f);
        });
        Contraction part = job;
        part.batch = 1;
        part.length = count * pitch;
        part.dy = memory;
        part.x = memory + job.out * row;
        part.dy_row = part.x_row = row;
        part.offset = cpu::kNoOffset;
        contract(part);
    }
}

// One tap, lanes = inputs, in f32 always: a matrix product of dy with x turned into strips of inputs
// (panel.hpp), so that there are no sums over lanes, and operands are read from the second cache once for six
// rows, not for three. A task owns rows of the weight. Short rows of several samples are put together: as
// pieces of their own, and far from each other in memory, they take a tenth longer. About every kRange
// positions what was summed is added to the gradient: where, depends on the shapes alone.
void CpuBackend::contract_dense(const Contraction& job) {
    if (job.length == 0) return;
    const cpu::TileKernels& kernel = *kernels_.tile;
    const std::int64_t strips = cpu::strips_of(kernel, job.in);
    const std::int64_t b_strip = job.batch * job.length * kernel.strip;
    // [strip][sample][position][input]
    float* const turned = scratch_.get<float>(Slot::turned, strips * b_strip);
    parallel(job.batch * strips, [&](std::int64_t task, int) {
        const std::int64_t sample = task / strips, strip = task % strips, first = strip * kernel.strip;
        const std::int64_t inputs = std::min<std::int64_t>(kernel.strip, job.in - first);
        float* const to = turned + strip * b_strip + sample * job.length * kernel.strip;
        if (inputs < kernel.strip) std::fill_n(to, job.length * kernel.strip, 0.0f);
        cpu::transpose(*kernels_.tail, job.x + sample * job.x_sample + first * job.x_row + job.offset[0],
                       job.x_row, inputs, job.length, to, kernel.strip);
    });
    // Several tasks for each worker, as long as there are rows.
    const std::int64_t rows = std::min<std::int64_t>(kDenseRows, cpu::ceil_div(job.out, 4 * pool_.workers()));
    const int group = kernel.block * static_cast<int>(cpu::ceil_div(rows, kernel.block));
    const std::int64_t c_row = strips * kernel.strip;
    const int joined = static_cast<int>(std::max<std::int64_t>(cpu::panel_depth(kernel) / job.length, 1));
    const int summed = static_cast<int>(std::max<std::int64_t>(kRange / job.length, 1));  // samples
    const std::int64_t packed_size = joined > 1 ? group * joined * job.length : 0,
                       memory_size = group * c_row + packed_size;
    float* const memory = scratch_.get<float>(Slot::worker, memory_size * pool_.workers());
    parallel(cpu::ceil_div(job.out, group), [&](std::int64_t task, int worker) {
        const std::int64_t first = task * group;
        cpu::Panel panel;
        panel.rows = static_cast<int>(std::min<std::int64_t>(group, job.out - first));
        panel.a_row = job.dy_row;
        panel.b_strip = b_strip;
        panel.columns = job.in;
        panel.c = memory + worker * memory_size;
        panel.c_row = c_row;
        const int blocks = cpu::Blocks(panel.rows, kernel.block).count;
        for (int sample = 0; sample < job.batch;) {
            const int end = std::min(sample + summed, job.batch);
            for (panel.resume = false; sample < end; panel.resume = true) {
                const int samples = std::min(joined, end - sample);
                panel.a = job.dy + sample * job.dy_sample + first * job.dy_row;
                if (joined > 1) {
                    float* const packed = panel.c + group * c_row;
                    kernel.pack(panel.a, job.dy_row, job.dy_sample, 1, panel.rows, samples,
                                static_cast<int>(job.length), 0, blocks, packed);
                    panel.packed = packed;
                }
                panel.depth = samples * static_cast<int>(job.length);
                panel.b = turned + sample * job.length * kernel.strip;
                cpu::multiply(kernel, panel);
                sample += samples;
            }
            for (int r = 0; r < panel.rows; ++r) {
                float* const to = job.dw + (first + r) * job.dw_out;
                for (int k = 0; k < job.in; ++k) to[k * job.dw_in] += panel.c[r * c_row + k];
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

Status CpuBackend::run(const ConvGradWeight& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), dy = rows_of(op.dy);
        Contraction job;
        job.batch = static_cast<int>(x.batch);
        job.out = static_cast<int>(dy.channels);
        job.in = static_cast<int>(x.channels);
        job.taps = op.geometry.width;
        job.length = dy.length;
        job.dy = dy.origin;
        job.dy_sample = dy.channels * dy.stride;
        job.dy_row = dy.stride;
        job.dw = floats(op.d_weight);
        job.dw_out = x.channels * op.geometry.width;
        job.dw_in = op.geometry.width;
        job.dw_tap = 1;
        if (op.geometry.stride > 1) {
            const PhaseRows phases = split_phases(x, op.geometry, dy.length);
            job.x = phases.x;
            job.x_sample = phases.sample;
            job.x_row = phases.row;
            job.offset = phases.offset;
        } else {
            std::int64_t* const offset = scratch_.get<std::int64_t>(Slot::offsets, op.geometry.width);
            for (int t = 0; t < op.geometry.width; ++t)
                offset[t] = std::int64_t{t} * op.geometry.dilation - op.geometry.pad_left;
            job.x = x.origin;
            job.x_sample = x.channels * x.stride;
            job.x_row = x.stride;
            job.offset = offset;
        }
        if (job.taps > 1 || 2 * cpu::round_up(job.length, cpu::kAlign) > kRange)
            contract(job);
        else if (job.in >= kDenseInputs && !kernels_.bf16)
            contract_dense(job);
        else
            contract_short_rows(job);
        add_row_sums(dy, op.d_bias);
    });
}

// d_w[i][o][j] += sum over p of x[i][p] * dy[o][p*stride + j]: x takes the place of dy, and dy's phases that
// of x.
Status CpuBackend::run(const UpConvGradWeight& op) noexcept {
    return guarded([&] {
        const Rows x = rows_of(op.x), dy = rows_of(op.dy);
        ConvGeometry geometry;
        geometry.width = geometry.stride = op.stride;
        const PhaseRows phases = split_phases(dy, geometry, x.length);
        Contraction job;
        job.batch = static_cast<int>(x.batch);
        job.out = static_cast<int>(x.channels);
        job.in = static_cast<int>(dy.channels);
        job.taps = op.stride;
        job.length = x.length;
        job.dy = x.origin;
        job.dy_sample = x.channels * x.stride;
        job.dy_row = x.stride;
        job.x = phases.x;
        job.x_sample = phases.sample;
        job.x_row = phases.row;
        job.offset = phases.offset;
        job.dw = floats(op.d_weight);
        job.dw_out = dy.channels * op.stride;
        job.dw_in = op.stride;
        job.dw_tap = 1;
        contract(job);
        add_row_sums(dy, op.d_bias);
    });
}

}  // namespace regkit
