// The first layer: embedding x convolution folded to table[out][tap][symbol], then look-ups
// (simd/sequence.cpp).
//
// Codes are split by position modulo stride like the input of any strided convolution; outside the window
// stands a sixth symbol whose entry is zero. The gradient is the contraction of dy with one-hot rows of the
// symbols, which gives the table's gradient; those of embedding and weight follow from it by the chain rule
// on small matrices.
#include <algorithm>

#include "kernels/cpu/backend_impl.hpp"

namespace regkit {

using cpu::floats;
using cpu::guarded;
using cpu::round_up;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;

namespace {

constexpr int kEntries = 8;
constexpr std::int32_t kOutside = kSymbols;

// How positions p*stride + t*dilation - pad_left lie in rows split by phase.
struct Split {
    std::int64_t stride, before, row;

    Split(const ConvGeometry& g, std::int64_t outputs) : stride(g.stride) {
        before = round_up(g.pad_left / stride + 1, cpu::kAlign);
        const std::int64_t reach = std::int64_t{g.width - 1} * g.dilation / stride + 1;
        row = round_up(before + outputs + reach + cpu::kOverrun, cpu::kAlign);
    }
    // Relative to the element of phase 0, position 0.
    std::int64_t offset(const ConvGeometry& g, int t) const {
        const std::int64_t at = std::int64_t{t} * g.dilation - g.pad_left + before * stride;
        return at % stride * row + at / stride - before;
    }
    // Calls put(index in the sample's rows, position or -1) for every element.
    template <typename Put>
    void each(std::int64_t length, const Put& put) const {
        for (std::int64_t phase = 0; phase < stride; ++phase)
            for (std::int64_t i = 0; i < row; ++i) {
                const std::int64_t position = (i - before) * stride + phase;
                put(phase * row + i, position >= 0 && position < length ? position : -1);
            }
    }
};

std::int64_t* tap_offsets(cpu::Scratch& scratch, const Split& split, const ConvGeometry& geometry) {
    std::int64_t* const offset = scratch.get<std::int64_t>(Slot::offsets, geometry.width);
    for (int t = 0; t < geometry.width; ++t) offset[t] = split.offset(geometry, t);
    return offset;
}

}  // namespace

Status CpuBackend::run(const SequenceConv& op) noexcept {
    return guarded([&] {
        const Rows y = rows_of(op.y);
        const Split split(op.geometry, y.length);
        const std::int64_t* const offset = tap_offsets(scratch_, split, op.geometry);
        const std::int64_t sample_size = split.stride * split.row;
        std::int32_t* const index = scratch_.get<std::int32_t>(Slot::codes, op.codes.batch * sample_size);
        parallel(op.codes.batch, [&](std::int64_t s, int) {
            const std::uint8_t* const from = op.codes.data + s * op.codes.length;
            std::int32_t* const to = index + s * sample_size;
            split.each(op.codes.length, [&](std::int64_t at, std::int64_t position) {
                to[at] = position >= 0 ? std::int32_t{from[position]} : kOutside;
            });
        });
        const int taps = op.geometry.width;
        const std::int64_t dim = op.embedding.count / kSymbols;
        const float *const e = floats(op.embedding), *const w = floats(op.weight), *const b = floats(op.bias);
        float* const tables = scratch_.get<float>(Slot::table, y.channels * taps * kEntries + kEntries);
        for (std::int64_t o = 0; o < y.channels; ++o)
            for (int t = 0; t < taps; ++t)
                for (int symbol = 0; symbol < kEntries; ++symbol) {
                    double sum = 0;
                    for (std::int64_t i = 0; i < dim && symbol < kSymbols; ++i)
                        sum += static_cast<double>(e[symbol * dim + i]) *
                               static_cast<double>(w[(o * dim + i) * taps + t]);
                    tables[(o * taps + t) * kEntries + symbol] = static_cast<float>(sum);
                }
        parallel(y.batch * y.channels, [&](std::int64_t task, int) {
            const std::int64_t s = task / y.channels, o = task % y.channels;
            float* const row = y.row(s, o);
            kernels_.sequence->lookup(tables + o * taps * kEntries, taps,
                                      index + s * sample_size + split.before, offset, b ? b[o] : 0.0f,
                                      op.relu, y.length, row);
            y.zero_edges(row);
        });
    });
}

Status CpuBackend::run(const Embed& op) noexcept {
    return guarded([&] {
        const Rows y = rows_of(op.y);
        parallel(y.batch * y.channels, [&](std::int64_t task, int) {
            const std::int64_t s = task / y.channels, d = task % y.channels;
            const std::uint8_t* const from = op.codes.data + s * op.codes.length;
            float entry[kSymbols];
            for (int symbol = 0; symbol < kSymbols; ++symbol)
                entry[symbol] = floats(op.embedding)[symbol * y.channels + d];
            float* const to = y.row(s, d);
            for (std::int64_t p = 0; p < y.length; ++p) to[p] = entry[from[p]];
            y.zero_edges(to);
        });
    });
}

Status CpuBackend::run(const SequenceConvGrad& op) noexcept {
    return guarded([&] {
        const Rows dy = rows_of(op.dy);
        const Split split(op.geometry, dy.length);
        const std::int64_t symbol_size = split.stride * split.row;
        float* const rows = scratch_.get<float>(Slot::codes, op.codes.batch * kSymbols * symbol_size);
        parallel(op.codes.batch * kSymbols, [&](std::int64_t task, int) {
            const std::uint8_t* const from = op.codes.data + task / kSymbols * op.codes.length;
            float* const to = rows + task * symbol_size;
            split.each(op.codes.length, [&](std::int64_t at, std::int64_t position) {
                to[at] = position >= 0 && from[position] == task % kSymbols ? 1.0f : 0.0f;
            });
        });
        const int taps = op.geometry.width;
        const std::int64_t size = std::int64_t{kSymbols} * taps;
        float* const d_table = scratch_.get<float>(Slot::table, dy.channels * size);
        std::fill_n(d_table, dy.channels * size, 0.0f);
        cpu::Contraction job;
        job.batch = static_cast<int>(dy.batch);
        job.out = static_cast<int>(dy.channels);
        job.in = kSymbols;
        job.taps = taps;
        job.length = dy.length;
        job.dy = dy.origin;
        job.dy_sample = dy.channels * dy.stride;
        job.dy_row = dy.stride;
        job.x = rows + split.before;
        job.x_sample = kSymbols * symbol_size;
        job.x_row = symbol_size;
        job.offset = tap_offsets(scratch_, split, op.geometry);
        job.dw = d_table;
        job.dw_out = size;
        job.dw_in = taps;
        job.dw_tap = 1;
        contract(job);
        add_row_sums(dy, op.d_bias);

        const std::int64_t dim = op.embedding.count / kSymbols;
        const float *const e = floats(op.embedding), *const w = floats(op.weight);
        for (std::int64_t i = 0; i < dim && op.d_embedding; ++i)
            for (int symbol = 0; symbol < kSymbols; ++symbol) {
                double sum = 0;
                for (std::int64_t o = 0; o < dy.channels; ++o)
                    for (int t = 0; t < taps; ++t)
                        sum += static_cast<double>(w[(o * dim + i) * taps + t]) *
                               static_cast<double>(d_table[o * size + symbol * taps + t]);
                floats(op.d_embedding)[symbol * dim + i] += static_cast<float>(sum);
            }
        for (std::int64_t o = 0; o < dy.channels; ++o)
            for (std::int64_t i = 0; i < dim; ++i)
                for (int t = 0; t < taps; ++t) {
                    double sum = 0;
                    for (int symbol = 0; symbol < kSymbols; ++symbol)
                        sum += static_cast<double>(e[symbol * dim + i]) *
                               static_cast<double>(d_table[o * size + symbol * taps + t]);
                    floats(op.d_weight)[(o * dim + i) * taps + t] += static_cast<float>(sum);
                }
    });
}

}  // namespace regkit
