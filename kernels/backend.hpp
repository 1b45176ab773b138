// The numeric core: the list of operations, at the level of the operation, so that the network exists once
// (src/nn).
//
// An operation is a struct of kernels/ops: named operands, what it computes in shapes, check(). A caller has
// only `backend(Conv{...})`, which checks, throws Error where that or the back end fails, and else has the
// operation done. Implementations: reference/ (double precision, obvious loops: the meaning of every
// operation), cpu/ (fp32, vectorised, threaded), cuda/ (plug-in, and the same kernels' source under the CPU
// emulator).
//
// Conventions for every operation:
//  - Weights have PyTorch's names, shapes and order: conv [out][in][width], up-convolution [in][out][width],
//    dense [out][in], row-major; they and their gradients are Slices of flat arrays.
//  - Convolution is cross-correlation.
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

#include "kernels/backend_of.hpp"
#include "kernels/communicator.hpp"
#include "kernels/dropout.hpp"
#include "kernels/ops/adam.hpp"
#include "kernels/ops/add.hpp"
#include "kernels/ops/conv.hpp"
#include "kernels/ops/flat_dense.hpp"
#include "kernels/ops/norm.hpp"
#include "kernels/ops/pool.hpp"
#include "kernels/ops/sequence.hpp"
#include "kernels/ops/tail.hpp"
#include "kernels/ops/up_conv.hpp"
#include "kernels/ops/up_norm.hpp"
#include "kernels/sinks.hpp"
#include "kernels/tensor.hpp"

namespace regkit {

// Largest number of directions of an LSTM.
inline constexpr int kMaxDirections = 2;

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

class Backend : public BackendOf<SequenceConv, SequenceConvGrad, Embed, Conv, ConvGradInput, ConvGradWeight,
                                 UpConv, UpConvGradInput, UpConvGradWeight, FlatDense, FlatDenseGradInput,
                                 FlatDenseGradWeight, Flatten, FlattenGrad, Moments, UpdateRunning, NormAct,
                                 NormActGrad, NormGrad, Pool, PoolGrad, Add, CopyChannels, TailInfer,
                                 TailTrain, FoldUpNorm, FoldUpNormGrad, GradNorm, Adam> {
  public:
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

    // The same positions as logit codes [batch][markers][positions]; as bits [batch][markers][bytes], a row
    // of whole bytes, position p in bit p % 8 of byte p / 8; as runs. Bits and runs agree with the values of
    // tail_infer to the bit. See sinks.hpp.
    void tail_codes(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                    std::span<std::uint8_t> out);
    void tail_bits(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end, TailOutput kind,
                   float cutoff, std::span<std::uint8_t> out);
    void tail_runs(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end, TailOutput kind,
                   float cutoff, CalledRuns& out);
    // ---- ranks. to = the sum of `from` over all ranks, in their order (kernels/communicator.hpp); may be
    // the same values. The bits are those of Communicator::sum_in_order, by which it is done where the back
    // end has no way of its own.
    void all_reduce(const Slice& from, const Slice& to, Communicator& ranks);

  protected:
    // An LSTM layer by conv and lstm; gates and cell as they have them.
    Status lstm_of_parts(const View& x, const LstmLayer& layer, const View& gates, const View& cell,
                         const View& y) noexcept;
    Status lstm_grad_of_parts(const View& x, const LstmLayer& layer, const View& gates, const View& cell,
                              const View& y, const View& dy, const LstmGradient& gradient, bool accumulate,
                              const View& dx) noexcept;

  private:
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
    // Where these are unsupported, the public functions make them from do_tail_infer's values.
    virtual Status do_tail_codes(const View& h, const Tail&, std::int64_t begin, std::int64_t end,
                                 std::uint8_t* out) noexcept;
    virtual Status do_tail_bits(const View& h, const Tail&, std::int64_t begin, std::int64_t end, TailOutput,
                                float cutoff, std::uint8_t* out) noexcept;
    virtual Status do_tail_runs(const View& h, const Tail&, std::int64_t begin, std::int64_t end, TailOutput,
                                float cutoff, CalledRuns& out) noexcept;
    // Where it is unsupported, all_reduce goes through the host. The status may have words
    // (Backend::take_notices).
    virtual Status do_all_reduce(const Slice& from, const Slice& to, QuietRanks& ranks) noexcept;

    std::span<const float> staged_values(const View& h, const Tail& tail, std::int64_t begin,
                                         std::int64_t end, TailOutput kind);
    std::vector<float> staged_;
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
