// The vector kernels, compiled once per instruction set (kernels/cpu/simd/*.cpp, Highway) and reached through
// tables of plain functions: the drivers beside this file know shapes and threads, the kernels know lanes.
// Every kernel is a function of its arguments alone; none allocates; pointers never overlap unless said.
//
// Products have their operands in f32, or in bf16 with sums in f32. In bf16 two values share the 32 bits of a
// word, the first in the low half, and words are kept in arrays of float, which are only copied, never
// calculated with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/dropout.hpp"

namespace regkit::cpu {

// ---- tile: y[o][p] (+)= bias[o] + sum over taps t and inputs k of w[o][t][k] * x[k*x_stride + offset[t] +
// p]. In bf16 a row of x holds two inputs: `in` counts rows, and the last may have zeros in its upper halves.
struct TileArgs {
    const float* x = nullptr;
    std::int64_t x_stride = 0;
    const std::int64_t* offset = nullptr;  // [taps]
    int taps = 1;
    int in = 0;  // rows of x
    const float* w =
        nullptr;  // packed (see packed_size), or rows w[o*w_stride + k] when w_stride > 0 and taps = 1
    std::int64_t w_stride = 0;
    const float* bias = nullptr;  // [out] or none
    float* y = nullptr;
    std::int64_t y_stride = 0;
    int out = 0;
    std::int64_t begin = 0, end = 0;  // positions; whole vectors are written: up to 15 positions beyond end
    std::int64_t valid = 0;           // sums of positions from here on count as zero
    bool relu = false;
    bool accumulate = false;
    bool resume =
        false;  // sums start from y, not from bias or zero: the chain of a sum cut into pieces goes on
};
inline constexpr std::int64_t kNoOffset[1] = {0};  // of a product's one tap

struct TileKernels {
    int block;  // output channels of one tile
    int strip;  // positions of one tile
    int depth;  // inputs that share a row of x: 1, in bf16 2
    int words;  // floats of a packed weight for one row of x

    int rows(int inputs) const { return (inputs + depth - 1) / depth; }
    std::int64_t packed_size(int out, int taps, int in) const {
        return static_cast<std::int64_t>(out) * taps * rows(in) * words;
    }
    // Packs source(o, t, k) = w[o*so + t*st + k*sk] for blocks [first, last) of the balanced partition of
    // `out`.
    void (*pack)(const float* w, std::int64_t so, std::int64_t st, std::int64_t sk, int out, int taps, int in,
                 int first, int last, float* packed);
    // Output blocks [first, last).
    void (*run)(const TileArgs& args, int first, int last);
    // x for positions [p, p + strip), also where that is beyond `end`, at all taps side by side:
    // to[(t * in + k) * strip + i], which is x of the same sums with one tap of taps * in rows.
    void (*gather)(const TileArgs& args, std::int64_t p, float* to);
};

// Output channels are cut into count = ceil(out / block) nearly equal blocks.
struct Blocks {
    int out, count;
    Blocks(int outputs, int block) : out(outputs), count((outputs + block - 1) / block) {}
    int begin(int b) const { return static_cast<int>(static_cast<std::int64_t>(out) * b / count); }
};

// ---- outer: dw[o*dw_out + k*dw_in + t*dw_tap] += sum over p of dy[o][p] * x[k*x_stride + offset[t] + p].
// In bf16 a word holds two neighbouring positions; offsets and positions count values, strides words, and
// begin and dy's zeros go by 32.
struct OuterArgs {
    const float* dy = nullptr;
    std::int64_t dy_stride = 0;
    const float* x = nullptr;
    std::int64_t x_stride = 0;
    const std::int64_t* offset = nullptr;
    int taps = 1;
    int out = 0, in = 0;
    std::int64_t begin = 0,
                 end = 0;  // begin a multiple of 16; dy is zero (and x finite) up to the next multiple of 16
    float* dw = nullptr;
    std::int64_t dw_out = 0, dw_in = 0, dw_tap = 0;
};
struct OuterKernels {
    int out_block, in_block;  // rows of one tile
    void (*run)(const OuterArgs& args);
};

// ---- operands in bf16, rounded to nearest, ties to even; NaN stays NaN.
struct Bf16Kernels {
    // to[p] = (a[p], b[p]) for p < n, (a[p], 0) without b; `to` may be a.
    void (*pair)(const float* a, const float* b, std::int64_t n, float* to);
    // to[i] = (x[2i], x[2i + 1]); for odd n the last upper half is 0.
    void (*adjoin)(const float* x, std::int64_t n, float* to);
};

// ---- elementwise rows: normalisation, activation, dropout
struct RowMoments {
    double mean, m2;  // m2: sum of squared deviations from this mean
};
struct ActArgs {
    std::int64_t length = 0;
    float scale = 1, shift = 0;  // z = x * scale + shift
    bool affine = false, relu = false;
    bool drop = false;
    DropoutKey key{};
    std::uint32_t sample = 0;
    std::uint32_t interleave = 1;
    std::uint32_t first_position = 0;  // Dropout::first
    std::int64_t channel = 0;
};
struct CentredArgs {
    float g_factor, g_mean, x_factor, x_mean;
};
struct NormKernels {
    RowMoments (*moments)(const float* x, std::int64_t n);
    void (*act)(const ActArgs& args, const float* x, float* y);
    // g = dy through dropout and ReLU (may overwrite dy); sums[0] += sum g, sums[1] += sum g * (x - centre).
    void (*act_grad)(const ActArgs& args, const float* x, const float* dy, float centre, float* g,
                     double sums[2]);
    // dx = g_factor * (g - g_mean) + x_factor * (x - x_mean) over n positions; in place allowed.
    void (*centred2)(const CentredArgs& args, std::int64_t n, const float* g, const float* x, float* dx);
    // Bits of the elements that survive, positions [group*128, group*128 + 128) of one (already interleaved)
    // channel.
    void (*dropout_bits)(const DropoutKey& key, std::uint32_t sample, std::int64_t channel,
                         std::int64_t group, std::uint8_t bits[16]);
};

// ---- sequence: y[p] = start + sum over taps t of table[t][index[p + offset[t]]], 8 entries a tap and 8
// spare at the end
struct SequenceKernels {
    void (*lookup)(const float* table, int taps, const std::int32_t* index, const std::int64_t* offset,
                   float start, bool relu, std::int64_t length, float* y);
};

// ---- pool: the maximum of padded[p * stride + offset[t]] over taps t for outputs p < n. Results are written
// in whole vectors; with stride 1 `padded` is read as far, too.
struct PoolArgs {
    const float* padded = nullptr;  // minus infinity outside the row
    const std::int64_t* offset = nullptr;
    int taps = 0;
    std::int64_t stride = 1;
    std::int64_t n = 0;
};
struct PoolKernels {
    void (*max)(const PoolArgs& args, float* y);
    // The first tap that holds the maximum.
    void (*argmax)(const PoolArgs& args, std::int32_t* tap);
};

// ---- tail: what lies between the tail's matrix products. Columns come in `phases` groups of `lanes`.
struct HiddenArgs {
    float* z = nullptr;  // rows of columns
    std::int64_t stride = 0;
    int rows = 0, phases = 0, lanes = 0;
    const std::uint8_t* bits =
        nullptr;  // survivors: row r, phase j at bits[(r*phase_count + first_phase + j)*16], or none
    int phase_count = 0, first_phase = 0;
    int first_lane = 0;  // of the 128 that bits cover
    float scale = 1;     // of survivors
};
struct LossArgs {
    float* z = nullptr;             // in: logits of one marker; out: their gradient
    const float* target = nullptr;  // 1 where the marker is present, or its coverage; none = 0 everywhere
    const float* valid = nullptr;   // 1 or 0 a column
    std::int64_t columns = 0;
    float scale = 1, pos_weight = 1;
};
struct LossSums {
    double loss;     // not scaled
    float gradient;  // sum of the gradients
};
struct TailKernels {
    void (*hidden)(const HiddenArgs& args);  // z = relu(z), dropped
    // dz = h > 0 ? dh * scale : 0, in place in dh; sums[r] += row sums.
    void (*hidden_grad)(const float* h, float* dh, std::int64_t stride, int rows, std::int64_t columns,
                        float scale, float* sums);
    LossSums (*cross_entropy)(const LossArgs& args);
    LossSums (*poisson)(const LossArgs& args);
    void (*sigmoid)(float* z, std::int64_t n);
    void (*softplus)(float* z, std::int64_t n);
    // out[p] = logit_code(z[p]).
    void (*codes)(const float* z, std::int64_t n, std::uint8_t* out);
    // Whether some z[p] is not below the bound; what lies behind n, up to a whole vector, may count too.
    bool (*any_reached)(const float* z, std::int64_t n, float bound);
    // Bit p of `out`, ceil(n / 8) bytes, zero beyond n: not z[p] < bound. z is read up to the next whole
    // vector.
    void (*reached)(const float* z, std::int64_t n, float bound, std::uint8_t* out);
    // to = from, past the caches: before another thread reads, hwy::FlushStream.
    void (*stream)(const float* from, std::int64_t n, float* to);
    // to[c*to_stride + r] = from[r*from_stride + c]; reads and writes whole groups of 4 rows and 4 columns.
    void (*transpose)(const float* from, std::int64_t from_stride, std::int64_t rows, std::int64_t columns,
                      float* to, std::int64_t to_stride);
};

// ---- LSTM: one step of `rows` samples; gates i, f, g, o lie `units` apart (a multiple of 16) in a row of
// four.
struct CellArgs {
    int rows = 0;
    std::int64_t units = 0;
};
struct LstmKernels {
    // gates: in the sums, out i, f, g, o; cell = f * before + i * g; hidden = o * tanh(cell).
    void (*cell)(const CellArgs& args, float* gates, const float* before, float* cell, float* hidden);
    // gates: in i, f, g, o, out the gradient of their sums. d_cell: in what later steps send, out what the
    // step before gets.
    void (*cell_grad)(const CellArgs& args, float* gates, const float* before, const float* cell,
                      const float* d_hidden, float* d_cell);
};

// ---- optimiser
struct AdamArgs {
    float step_size, beta1, beta2, eps, root_correction, gradient_scale;
};
struct OptimiserKernels {
    double (*sum)(const float* x, std::int64_t n);
    double (*sum_of_squares)(const float* x, std::int64_t n);
    void (*adam)(const AdamArgs& args, const float* g, std::int64_t n, float* w, float* m, float* v);
    void (*add)(const float* x, std::int64_t n, float* y);
};

struct Kernels {
    const TileKernels* tile;  // f32
    const OuterKernels* outer;
    const TileKernels* product_tile;  // of the precision asked for: see Precision
    const OuterKernels* product_outer;
    const Bf16Kernels* bf16;  // nullptr: those are f32 as well
    const NormKernels* norm;
    const SequenceKernels* sequence;
    const PoolKernels* pool;
    const TailKernels* tail;
    const LstmKernels* lstm;
    const OptimiserKernels* optimiser;
    std::string isa;  // "avx512", "avx2", "sse4", ...
};

// The kernels of `isa`, or of the best instruction set of this machine when it is empty. Throws Error(usage)
// listing what there is when `isa` is not.
Kernels select_kernels(const std::string& isa, Precision precision);

// Names that select_kernels takes here, best first. avx512bf16, which multiplies pairs by an instruction of
// its own, is there for bf16 alone.
std::vector<std::string> isa_names(Precision precision);

// Defined one per file of kernels/cpu/simd; each answers for the target Highway has chosen at the call.
const TileKernels* tile_kernels();
const OuterKernels* outer_kernels();
const TileKernels* bf16_tile_kernels();
const OuterKernels* bf16_outer_kernels();
const Bf16Kernels* bf16_kernels();
const NormKernels* norm_kernels();
const SequenceKernels* sequence_kernels();
const PoolKernels* pool_kernels();
const TailKernels* tail_kernels();
const LstmKernels* lstm_kernels();
const OptimiserKernels* optimiser_kernels();

// By AVX512_BF16's instruction, whatever the target; nullptr where this build lacks them.
const TileKernels* avx512bf16_tile_kernels();
const OuterKernels* avx512bf16_outer_kernels();

}  // namespace regkit::cpu
