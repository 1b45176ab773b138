// The numeric core: what a back end can do, at the level of the operation, so that the network exists once
// (src/nn).
//
// Public functions check shapes once and throw Error; each then calls one noexcept private virtual that
// returns a Status. Implementations: reference/ (double precision, obvious loops: the meaning of every
// operation), cpu/ (fp32, vectorised, threaded), cuda/ (plug-in, and the same kernels' source under the CPU
// emulator).
//
// Conventions for every operation:
//  - Weights have PyTorch's names, shapes and order: conv [out][in][width], up-convolution [in][out][width],
//    dense [out][in], row-major; they and their gradients are Slices of flat arrays.
//  - Convolution is cross-correlation: y[o][p] = b[o] + sum_i sum_t w[o][i][t] * x[i][p*stride + t*dilation -
//    pad_left], x read as 0 outside its row. A conv's input must have a halo that covers its padding.
//  - Parameter gradients are added to what the Slice holds (shared weights). Gradients with respect to an
//    input are added when `accumulate` is true (forks), else written.
//  - One output element is one sum in an order fixed by the layer alone, so that no result depends on the
//    number of workers, the batch or the row length.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/communicator.hpp"
#include "kernels/dropout.hpp"
#include "kernels/sinks.hpp"
#include "kernels/tensor.hpp"

namespace regkit {

// Window codes in host memory: [batch][length] of 0 N, 1 A, 2 C, 3 G, 4 T.
struct Codes {
    const std::uint8_t* data = nullptr;
    std::int64_t batch = 0;
    std::int64_t length = 0;
};
inline constexpr int kSymbols = 5;

// Largest number of directions of an LSTM.
inline constexpr int kMaxDirections = 2;

struct ConvGeometry {
    int width = 1;
    int stride = 1;
    int dilation = 1;
    int pad_left = 0;
    int pad_right = 0;

    std::int64_t output_length(std::int64_t length) const {
        const std::int64_t covered = std::int64_t{width - 1} * dilation + 1;
        const std::int64_t padded = length + pad_left + pad_right;
        return padded < covered ? 0 : (padded - covered) / stride + 1;
    }
    // What conv_grad_input reads beyond the row of dy when the stride is 1: the padding, mirrored. (With
    // other strides it reads inside the row only.)
    Halo gradient_halo() const {
        const std::int64_t reach = std::int64_t{width - 1} * dilation;
        return {reach > pad_left ? reach - pad_left : 0, reach > pad_right ? reach - pad_right : 0};
    }
};

// Per-channel normalisation y = (x - mean) / sqrt(var + eps) * gamma + beta; all Slices of `channels` values.
struct Norm {
    Slice mean, var, gamma, beta;
    float eps = 1e-5f;
};

struct PoolGeometry {
    int width = 1;
    int stride = 1;
    int dilation = 1;
    int pad_left = 0;  // padding counts as minus infinity
    int pad_right = 0;

    std::int64_t output_length(std::int64_t length) const {
        return ConvGeometry{width, stride, dilation, pad_left, pad_right}.output_length(length);
    }
};

// An LSTM layer over `in` channels: gates = weight_ih x + bias at every position, then the recurrence of
// Backend::lstm.
struct LstmLayer {
    Slice weight_ih;  // [directions][4 * hidden][in]
    Slice weight_hh;  // [directions][4 * hidden][hidden]
    Slice bias;       // [directions][4 * hidden]
    int hidden = 1;
    int directions = 1;
};

struct LstmGradient {
    Slice weight_ih, weight_hh, bias;
};

// What an LSTM layer works in and leaves for its gradient. Made by Backend::alloc_lstm.
struct LstmMemory {
    Buffer gates, cell;  // where the layer is made of conv and lstm
    Buffer own;  // flat, where the back end has a way of its own; what it holds is the back end's business
    bool in_own_way = false;  // how `own` was filled
    Shape x;                  // what it was made for: inputs of up to this batch and length,
    std::int64_t states = 0;  // directions * hidden,
    bool training = false;    // and a gradient to follow
};

// ---- the fused tail ---------------------------------------------------------------------------------------
// An optional up-convolution (width = stride), then pointwise dense layers; ReLU (and in training dropout)
// after each but the last, whose outputs are the markers' logits. Every coarse position is independent, so a
// back end runs it in cache-sized blocks and logits of the whole window never exist. Batch norm behind the
// up-convolution is folded into its weights beforehand, in training too: see fold_up_norm.
inline constexpr int kMaxDense = 4;

struct TailLayer {
    Slice weight;  // dense [out][in]; up-convolution [in][out][stride]
    Slice bias;    // [out]; may be none
    int in = 0;
    int out = 0;
    Dropout dropout;  // training only; ignored for the last dense layer
};

struct Tail {
    int stride = 1;  // nucleotides per coarse position; 1 and up.out = 0: there is no up-convolution
    TailLayer up;
    int depth = 0;  // dense layers, 1..kMaxDense
    TailLayer dense[kMaxDense];

    bool has_up() const { return up.out > 0; }
    int inputs() const { return has_up() ? up.in : dense[0].in; }
    int markers() const { return dense[depth - 1].out; }
};

struct TailGradient {
    Slice up_weight, up_bias;
    Slice dense_weight[kMaxDense], dense_bias[kMaxDense];
};

// Output positions [begin, end) of one sample (nucleotides or bins) at which `marker` is present; for the
// Poisson loss, at which its coverage is `value` (>= 0), elsewhere 0.
struct LabelRun {
    std::int32_t marker = 0;
    std::int32_t begin = 0;
    std::int32_t end = 0;
    float value = 1;
};

// Host memory. Runs of sample s: runs[offsets[s]] .. runs[offsets[s + 1]), sorted by (marker, begin),
// disjoint within a marker, inside [0, output positions of a sample).
struct Labels {
    const LabelRun* runs = nullptr;
    const std::int64_t* offsets = nullptr;  // batch + 1
};

enum class LossKind : int {
    // pos_weight * y * softplus(-z) + (1 - y) * softplus(z)
    sigmoid_cross_entropy,
    // Negative Poisson log-likelihood up to a constant, with rate = softplus(z) as in Basenji (Kelley et al.
    // 2018): rate - y * log(rate), whose gradient is sigmoid(z) * (1 - y / rate). Far below zero, where the
    // rate is e^z (1 - e^z / 2 + ...) and underflows, log(rate) is z - e^z / 2 and the gradient e^z - y * (1
    // - e^z / 2).
    poisson,
};

// loss += scale * sum over samples, positions, markers of the loss of logit z and target y
struct TailLoss {
    float scale = 1;       // the caller's 1 / (batch * length * markers), times the head's weight
    float pos_weight = 1;  // of the cross-entropy
    LossKind kind = LossKind::sigmoid_cross_entropy;
};

// Batch norm behind the up-convolution, expressed through its weights. With h the tail's input, u = up(h):
// statistics of u per output channel follow from the mean m and covariance S of h over batch and coarse
// positions:
//   mean_j = U_j^T m + b,  var = avg_j(u_j^T S u_j + (mean_j - mean)^2),  j = phase in 0..stride-1,
// and the folded layer is U * s, (b - mean) * s + beta with s = gamma / sqrt(var + eps).
struct UpNorm {
    Slice weight, bias;  // [in][out][stride], [out]
    Slice gamma, beta;   // [out]
    int in = 0, out = 0, stride = 1;
    float eps = 1e-5f;
};

// What fold_up_norm leaves for its gradient and for the running statistics.
struct UpNormState {
    Slice input_mean;        // [in]
    Slice input_covariance;  // [in][in], biased
    Slice mean, var;         // [out], of the up-convolution's output, biased
    // > 0: h is a part of a batch that several processes share and that has so many coarse positions;
    // input_mean and input_covariance are given, of all of them (and the folded layer's gradients, too, are
    // sums over all of them).
    std::int64_t shared_count = 0;
};

// ---- the optimiser ----------------------------------------------------------------------------------------
struct AdamStep {
    float learning_rate = 1e-3f;
    float beta1 = 0.9f;
    float beta2 = 0.999f;
    float eps = 1e-8f;
    std::int64_t step = 1;  // from 1
    float clip_norm = 0;    // gradients are scaled by min(1, clip_norm / norm); 0 = no clipping
};

// ---- status across the plug-in boundary -------------------------------------------------------------------
struct [[nodiscard]] Status {
    enum class Code : int { ok, unsupported, out_of_memory, device_error };
    Code code = Code::ok;
    char message[240] = {};

    static Status error(Code code, const char* text);
};

class Backend {
  public:
    Backend() = default;
    virtual ~Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;

    // "reference", "cpu", "cuda", "emulator".
    virtual const char* name() const noexcept = 0;
    // What determines its bytes, for headers: "cpu avx512 f32", "cuda NVIDIA H100 80GB HBM3 sm_90 f32".
    virtual const char* description() const noexcept = 0;
    // Whether it has every operation of the models; `auto` takes no other.
    virtual bool is_complete() const noexcept { return true; }
    // Whether its values are double, not float.
    virtual bool is_double() const noexcept { return false; }
    // What there is to say about how operations were done (sums between ranks, convolutions), a line each:
    // once, then none.
    virtual std::vector<std::string> take_notices();

    // ---- memory. Throws Error(resource) when there is not enough.
    Buffer alloc(Shape shape, Halo halo = {});
    Buffer alloc_flat(std::int64_t count);
    void write(const View& to,
               std::span<const float> values);  // canonical order; also zeroes halo and padding
    void write(const View& to, std::span<const double> values);
    void read(const View& from, std::span<float> values);
    void read(const View& from, std::span<double> values);
    void write(const Slice& to, std::span<const float> values);
    void write(const Slice& to, std::span<const double> values);
    void read(const Slice& from, std::span<float> values);
    void read(const Slice& from, std::span<double> values);
    void fill(const Slice& to, float value);

    // ---- first layer: symbols -> embedding (rows of `embedding` [5][dim]) -> convolution `weight`
    // [out][dim][width]. Positions outside the window are zero vectors, not the embedding of N. bias may be
    // none.
    void sequence_conv(const Codes& codes, const Slice& embedding, const Slice& weight, const Slice& bias,
                       const ConvGeometry& geometry, bool relu, const View& y);
    // d_embedding may be none (a one-hot encoding is not trained).
    void sequence_conv_grad(const Codes& codes, const View& dy, const Slice& embedding, const Slice& weight,
                            const ConvGeometry& geometry, const Slice& d_embedding, const Slice& d_weight,
                            const Slice& d_bias);
    // y[s][d][p] = embedding[code][d]: the sequence as a tensor, for layers other than convolutions.
    void embed(const Codes& codes, const Slice& embedding, const View& y);

    // ---- convolution; a dense layer over channels is width 1.
    void conv(const View& x, const Slice& weight, const Slice& bias, const ConvGeometry& geometry, bool relu,
              const View& y);
    // With stride 1, dy's halo must cover geometry.gradient_halo().
    void conv_grad_input(const View& dy, const Slice& weight, const ConvGeometry& geometry, bool accumulate,
                         const View& dx);
    void conv_grad_weight(const View& x, const View& dy, const ConvGeometry& geometry, const Slice& d_weight,
                          const Slice& d_bias);

    // ---- flatten and dense: y[0][o][s] = b[o] + sum_i sum_p w[o][i * length + p] * x[s][i][p], weight
    // [out][in * length]. y is (1, out, batch of x): one row over the samples, since what follows acts on
    // each alone. Sums run over (i, p) in ascending order. d_weight may be too large for a copy for each
    // worker.
    void flat_dense(const View& x, const Slice& weight, const Slice& bias, bool relu, const View& y);
    void flat_dense_grad_input(const View& dy, const Slice& weight, bool accumulate, const View& dx);
    void flat_dense_grad_weight(const View& x, const View& dy, const Slice& d_weight, const Slice& d_bias);
    // The copy alone, before a fused tail that reads every position: y[0][i * length + p][s] = x[s][i][p], y
    // (1, channels * length of x, batch of x); and its gradient.
    void flatten(const View& x, const View& y);
    void flatten_grad(const View& dy, bool accumulate, const View& dx);

    // ---- LSTM (Hochreiter & Schmidhuber 1997; gates and names as PyTorch's: i, f, g, o). The input's
    // projections are a convolution of width 1 into `gates`; this is the recurrence: for t ascending
    // (direction 1: descending), with h and c zero before the first,
    //   a = gates[t] + W_hh h[t-1];  i, f, o = sigmoid(a), g = tanh(a);
    //   c[t] = f * c[t-1] + i * g;  h[t] = o * tanh(c[t])
    // gates (batch, directions * 4 * hidden, length), the four gates of a direction together; on return they
    // hold i, f, g, o. weight_hh [directions][4 * hidden][hidden]; cell and y (batch, directions * hidden,
    // length). y may have a halo.
    void lstm(const View& gates, const Slice& weight_hh, int hidden, int directions, const View& cell,
              const View& y);
    // gates, cell and y as lstm left them; dy is the gradient of y. On return gates hold the gradient of what
    // they held before lstm. d_weight_hh is added to.
    void lstm_grad(const View& gates, const Slice& weight_hh, int hidden, int directions, const View& cell,
                   const View& y, const View& dy, const Slice& d_weight_hh);
    // The layer as a whole, in a way of the back end's own where it has one; else conv, lstm and their
    // gradients. alloc_lstm: for x of up to this batch and length.
    LstmMemory alloc_lstm(const Shape& x, int hidden, int directions, bool training);
    void lstm_layer(const View& x, const LstmLayer& layer, LstmMemory& memory, const View& y);
    // x, memory and y as lstm_layer left them; dy is the gradient of y. What memory holds is gone then. The
    // gradients of weights and bias are added to.
    void lstm_layer_grad(const View& x, const LstmLayer& layer, LstmMemory& memory, const View& y,
                         const View& dy, const LstmGradient& gradient, bool accumulate, const View& dx);

    // ---- up-convolution, width = stride: y[o][p*stride + j] = b[o] + sum_i w[i][o][j] * x[i][p].
    void up_conv(const View& x, const Slice& weight, const Slice& bias, int stride, bool relu, const View& y);
    void up_conv_grad_input(const View& dy, const Slice& weight, int stride, bool accumulate, const View& dx);
    void up_conv_grad_weight(const View& x, const View& dy, int stride, const Slice& d_weight,
                             const Slice& d_bias);

    // ---- normalisation, activation, dropout.
    // Per channel over batch and length: mean and biased variance.
    void moments(const View& x, const Slice& mean, const Slice& var);
    // running = (1 - momentum) * running + momentum * batch statistic; var unbiased by count / (count - 1),
    // as PyTorch.
    void update_running(const Slice& mean, const Slice& var, std::int64_t count, float momentum,
                        const Slice& running_mean, const Slice& running_var);
    // y = dropout(relu(norm(x))); each part optional (norm == nullptr, relu false, dropout.rate 0).
    void norm_act(const View& x, const Norm* norm, bool relu, const Dropout& dropout, const View& y);
    // Gradient of norm_act in training mode, where norm->mean/var are the batch's own moments of x (so dx has
    // the terms through them); d_gamma and d_beta are added to. dx may be the same tensor as dy.
    void norm_act_grad(const View& x, const View& dy, const Norm* norm, bool relu, const Dropout& dropout,
                       const View& dx, const Slice& d_gamma, const Slice& d_beta);
    // The same in two steps, for a batch that several processes share: act_grad leaves out the terms through
    // the moments, and adds the sums over this part of the batch to d_gamma and d_beta; norm_grad subtracts
    // the terms, given those sums over the whole batch and its values per channel. norm->mean/var are the
    // whole batch's in both.
    void act_grad(const View& x, const View& dy, const Norm& norm, bool relu, const Dropout& dropout,
                  const View& dx, const Slice& d_gamma, const Slice& d_beta);
    void norm_grad(const View& x, const Norm& norm, const Slice& sum_gamma, const Slice& sum_beta,
                   std::int64_t count, const View& dx);

    // ---- max-pool; of equal values the first takes the gradient. x needs no halo. NaN is above every value.
    // A window that holds no position of the row at all gives 0 and takes no gradient.
    void pool(const View& x, const PoolGeometry& geometry, const View& y);
    void pool_grad(const View& x, const View& dy, const PoolGeometry& geometry, bool accumulate,
                   const View& dx);

    // y += x
    void add(const View& x, const View& y);
    // y[s][y_begin + c][p] = (or += when `accumulate`) x[s][x_begin + c][p] for c in [0, count):
    // concatenation and its gradient. Channels of y outside keep their values; those inside get a halo of
    // zeros, unless it accumulates.
    void copy_channels(const View& x, int x_begin, const View& y, int y_begin, int count, bool accumulate);

    // ---- the fused tail.
    // Coarse positions [begin, end) of every sample, to host memory [batch][markers][(end - begin) * stride].
    void tail_infer(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end, TailOutput kind,
                    std::span<float> out);
    // The same positions as logit codes [batch][markers][positions]; as bits [batch][markers][bytes], a row
    // of whole bytes, position p in bit p % 8 of byte p / 8; as runs. Bits and runs agree with the values of
    // tail_infer to the bit. See sinks.hpp.
    void tail_codes(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                    std::span<std::uint8_t> out);
    void tail_bits(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end, TailOutput kind,
                   float cutoff, std::span<std::uint8_t> out);
    void tail_runs(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end, TailOutput kind,
                   float cutoff, CalledRuns& out);
    // Adds the loss to loss[0], parameter gradients to `gradient`, and writes (or adds) the gradient of h.
    void tail_train(const View& h, const Tail& tail, const Labels& labels, const TailLoss& how,
                    const Slice& loss, const TailGradient& gradient, bool accumulate, const View& dh);
    void fold_up_norm(const View& h, const UpNorm& norm, const UpNormState& state, const Slice& folded_weight,
                      const Slice& folded_bias);
    // From the gradients of the folded layer to those of weight, bias, gamma, beta (added) and of h (added to
    // dh).
    void fold_up_norm_grad(const View& h, const UpNorm& norm, const UpNormState& state,
                           const Slice& d_folded_weight, const Slice& d_folded_bias, const Slice& d_weight,
                           const Slice& d_bias, const Slice& d_gamma, const Slice& d_beta, const View& dh);

    // ---- ranks. to = the sum of `from` over all ranks, in their order (kernels/communicator.hpp); may be
    // the same values. The bits are those of Communicator::sum_in_order, by which it is done where the back
    // end has no way of its own.
    void all_reduce(const Slice& from, const Slice& to, Communicator& ranks);

    // ---- optimiser. norm[0] = Euclidean norm of the gradient, one fixed-order sum.
    void grad_norm(const Slice& gradient, const Slice& norm);
    // PyTorch's Adam (bias-corrected; eps outside the square root), clipping by norm[0] when step.clip_norm >
    // 0.
    void adam(const Slice& parameters, const Slice& gradient, const Slice& m, const Slice& v,
              const AdamStep& step, const Slice& norm);

  protected:
    // An LSTM layer by conv and lstm; gates and cell as they have them.
    Status lstm_of_parts(const View& x, const LstmLayer& layer, const View& gates, const View& cell,
                         const View& y) noexcept;
    Status lstm_grad_of_parts(const View& x, const LstmLayer& layer, const View& gates, const View& cell,
                              const View& y, const View& dy, const LstmGradient& gradient, bool accumulate,
                              const View& dx) noexcept;

  private:
    friend class Buffer;
    virtual Status do_alloc(const Shape&, const Halo&, void** data) noexcept = 0;
    virtual Status do_alloc_flat(std::int64_t count, void** data) noexcept = 0;
    virtual void do_free(void* data) noexcept = 0;
    virtual Status do_write(const View&, const float*) noexcept = 0;
    virtual Status do_write(const View&, const double*) noexcept = 0;
    virtual Status do_read(const View&, float*) noexcept = 0;
    virtual Status do_read(const View&, double*) noexcept = 0;
    virtual Status do_write(const Slice&, const float*) noexcept = 0;
    virtual Status do_write(const Slice&, const double*) noexcept = 0;
    virtual Status do_read(const Slice&, float*) noexcept = 0;
    virtual Status do_read(const Slice&, double*) noexcept = 0;
    virtual Status do_fill(const Slice&, float) noexcept = 0;
    // A back end overrides what it has; the rest reports `unsupported`, which the public function throws.
    virtual Status do_sequence_conv(const Codes&, const Slice& embedding, const Slice& weight,
                                    const Slice& bias, const ConvGeometry&, bool relu,
                                    const View& y) noexcept;
    virtual Status do_sequence_conv_grad(const Codes&, const View& dy, const Slice& embedding,
                                         const Slice& weight, const ConvGeometry&, const Slice& d_embedding,
                                         const Slice& d_weight, const Slice& d_bias) noexcept;
    virtual Status do_conv(const View& x, const Slice& weight, const Slice& bias, const ConvGeometry&,
                           bool relu, const View& y) noexcept;
    virtual Status do_conv_grad_input(const View& dy, const Slice& weight, const ConvGeometry&,
                                      bool accumulate, const View& dx) noexcept;
    virtual Status do_conv_grad_weight(const View& x, const View& dy, const ConvGeometry&,
                                       const Slice& d_weight, const Slice& d_bias) noexcept;
    virtual Status do_embed(const Codes&, const Slice& embedding, const View& y) noexcept;
    virtual Status do_flat_dense(const View& x, const Slice& weight, const Slice& bias, bool relu,
                                 const View& y) noexcept;
    virtual Status do_flat_dense_grad_input(const View& dy, const Slice& weight, bool accumulate,
                                            const View& dx) noexcept;
    virtual Status do_flat_dense_grad_weight(const View& x, const View& dy, const Slice& d_weight,
                                             const Slice& d_bias) noexcept;
    virtual Status do_flatten(const View& x, const View& y) noexcept;
    virtual Status do_flatten_grad(const View& dy, bool accumulate, const View& dx) noexcept;
    virtual Status do_lstm(const View& gates, const Slice& weight_hh, int hidden, int directions,
                           const View& cell, const View& y) noexcept;
    virtual Status do_lstm_grad(const View& gates, const Slice& weight_hh, int hidden, int directions,
                                const View& cell, const View& y, const View& dy,
                                const Slice& d_weight_hh) noexcept;
    // How many floats LstmMemory::own has to hold; unsupported where there is no way but conv and lstm, and
    // the two below are never called.
    virtual Status do_lstm_own(const Shape& x, int hidden, int directions, bool training,
                               std::int64_t& count) noexcept;
    virtual Status do_lstm_layer(const View& x, const LstmLayer&, LstmMemory&, const View& y) noexcept;
    virtual Status do_lstm_layer_grad(const View& x, const LstmLayer&, LstmMemory&, const View& y,
                                      const View& dy, const LstmGradient&, bool accumulate,
                                      const View& dx) noexcept;
    virtual Status do_copy_channels(const View& x, int x_begin, const View& y, int y_begin, int count,
                                    bool accumulate) noexcept;
    virtual Status do_up_conv(const View& x, const Slice& weight, const Slice& bias, int stride, bool relu,
                              const View& y) noexcept;
    virtual Status do_up_conv_grad_input(const View& dy, const Slice& weight, int stride, bool accumulate,
                                         const View& dx) noexcept;
    virtual Status do_up_conv_grad_weight(const View& x, const View& dy, int stride, const Slice& d_weight,
                                          const Slice& d_bias) noexcept;
    virtual Status do_moments(const View& x, const Slice& mean, const Slice& var) noexcept;
    virtual Status do_update_running(const Slice& mean, const Slice& var, std::int64_t count, float momentum,
                                     const Slice& running_mean, const Slice& running_var) noexcept;
    virtual Status do_norm_act(const View& x, const Norm*, bool relu, const Dropout&, const View& y) noexcept;
    virtual Status do_norm_act_grad(const View& x, const View& dy, const Norm*, bool relu, const Dropout&,
                                    const View& dx, const Slice& d_gamma, const Slice& d_beta,
                                    bool whole) noexcept;
    virtual Status do_norm_grad(const View& x, const Norm&, const Slice& sum_gamma, const Slice& sum_beta,
                                std::int64_t count, const View& dx) noexcept;
    virtual Status do_pool(const View& x, const PoolGeometry&, const View& y) noexcept;
    virtual Status do_pool_grad(const View& x, const View& dy, const PoolGeometry&, bool accumulate,
                                const View& dx) noexcept;
    virtual Status do_add(const View& x, const View& y) noexcept;
    virtual Status do_tail_infer(const View& h, const Tail&, std::int64_t begin, std::int64_t end, TailOutput,
                                 float* out) noexcept;
    // Where these are unsupported, the public functions make them from do_tail_infer's values.
    virtual Status do_tail_codes(const View& h, const Tail&, std::int64_t begin, std::int64_t end,
                                 std::uint8_t* out) noexcept;
    virtual Status do_tail_bits(const View& h, const Tail&, std::int64_t begin, std::int64_t end, TailOutput,
                                float cutoff, std::uint8_t* out) noexcept;
    virtual Status do_tail_runs(const View& h, const Tail&, std::int64_t begin, std::int64_t end, TailOutput,
                                float cutoff, CalledRuns& out) noexcept;
    virtual Status do_tail_train(const View& h, const Tail&, const Labels&, const TailLoss&,
                                 const Slice& loss, const TailGradient&, bool accumulate,
                                 const View& dh) noexcept;
    virtual Status do_fold_up_norm(const View& h, const UpNorm&, const UpNormState&,
                                   const Slice& folded_weight, const Slice& folded_bias) noexcept;
    virtual Status do_fold_up_norm_grad(const View& h, const UpNorm&, const UpNormState&,
                                        const Slice& d_folded_weight, const Slice& d_folded_bias,
                                        const Slice& d_weight, const Slice& d_bias, const Slice& d_gamma,
                                        const Slice& d_beta, const View& dh) noexcept;
    // Where it is unsupported, all_reduce goes through the host. The status may have words
    // (Backend::take_notices).
    virtual Status do_all_reduce(const Slice& from, const Slice& to, QuietRanks& ranks) noexcept;
    virtual Status do_grad_norm(const Slice& gradient, const Slice& norm) noexcept;
    virtual Status do_adam(const Slice& parameters, const Slice& gradient, const Slice& m, const Slice& v,
                           const AdamStep&, const Slice& norm) noexcept;

    std::span<const float> staged_values(const View& h, const Tail& tail, std::int64_t begin,
                                         std::int64_t end, TailOutput kind);
    std::vector<float> staged_;
    std::string notice_;
};

// Operands of the products of convolutions, dense layers of every position and the tail: f32, or rounded to
// bf16 with sums in f32. Everything else is f32 in both; on the CPU that is also the first layer, a look-up
// of sums; flatten-and-dense and tails over few windows, which read each weight once from memory; and the
// LSTM's recurrence.
enum class Precision : int { f32, bf16 };
const char* precision_name(Precision precision);  // "f32", "bf16"

struct BackendOptions {
    std::string device = "auto";  // auto | cpu | cuda[:N] | reference
    int workers = 0;              // threads of the CPU back ends; 0 = all processors
    std::string isa;  // cpu: pins the instruction set (avx2, avx512, ...); empty = the best one here
    Precision precision = Precision::f32;  // bf16: of cpu and cuda
};

struct BackendChoice {
    std::unique_ptr<Backend> backend;
    std::string
        notice;  // for the user: `auto` found a driver and still fell back, or it will be slow; or empty
};

// Throws Error(resource) naming the cause when the device asked for cannot be used, Error(usage) on an
// unknown one.
BackendChoice make_backend(const BackendOptions& options);

// What the back ends are made with, for --version: "Highway 1.0.3", "no CUDA plug-in".
std::vector<std::string> backend_libraries();

}  // namespace regkit
