// The class behind make_cpu_backend; its operations are defined by topic in the .cpp files beside.
#pragma once

#include <functional>
#include <new>
#include <string>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/base/thread_pool.hpp"
#include "kernels/cpu/kernels.hpp"
#include "kernels/cpu/layout.hpp"
#include "kernels/cpu/packed_weights.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/cpu/tail_sink.hpp"

namespace regkit {

namespace cpu {

// A correlation at stride 1 over rows that are readable wherever the offsets lead:
// y[s][o][p] (+)= bias[o] + sum over taps t and inputs k of w[o][t][k] * x[s][k][offset[t] + p].
struct Correlation {
    int batch = 0, in = 0, out = 0, taps = 0;
    const float* x = nullptr;
    std::int64_t x_sample = 0, x_row = 0;
    const std::int64_t* offset = nullptr;  // [taps]
    int dilation = 0;                      // between neighbouring taps' offsets, where it is one; or 0
    const float* w = nullptr;              // element (o, t, k) at w[o*w_out + t*w_tap + k*w_in]
    std::int64_t w_out = 0, w_tap = 0, w_in = 0;
    const void* constant = nullptr;  // the array that w lies in, if nothing but a write changes it
    const float* bias = nullptr;
    bool relu = false, accumulate = false;
    bool exact = false;   // in f32 whatever the precision
    bool paired = false;  // x holds the words that CpuBackend::pair made
    Rows y;               // its edges are zeroed, unless it accumulates
};

// dw[o*dw_out + k*dw_in + t*dw_tap] += sum over samples and positions of dy[s][o][p] * x[s][k][offset[t] +
// p].
struct Contraction {
    int batch = 0, out = 0, in = 0, taps = 0;
    std::int64_t length = 0;
    const float* dy = nullptr;  // zero beyond its length
    std::int64_t dy_sample = 0, dy_row = 0;
    const float* x = nullptr;
    std::int64_t x_sample = 0, x_row = 0;
    const std::int64_t* offset = nullptr;
    float* dw = nullptr;
    std::int64_t dw_out = 0, dw_in = 0, dw_tap = 0;
};

// Rows of x split by position modulo `stride`, so that a tap of a strided convolution is one run of
// neighbours: element (s, c, p*stride + u) is x[s*sample + c*row + offset(u) + p].
struct PhaseRows {
    const float* x = nullptr;
    std::int64_t sample = 0, row = 0;
    const std::int64_t* offset = nullptr;  // one a tap
};

}  // namespace cpu

class CpuBackend final : public Backend {
  public:
    explicit CpuBackend(const BackendOptions& options);
    const char* name() const noexcept override { return "cpu"; }
    const char* description() const noexcept override { return description_.c_str(); }

  private:
    Status do_alloc(const Shape& shape, const Halo& halo, void** data) noexcept override;
    Status do_alloc_flat(std::int64_t count, void** data) noexcept override;
    void do_free(void* data) noexcept override;
    Status do_write(const View& to, const float* values) noexcept override;
    Status do_write(const View& to, const double* values) noexcept override;
    Status do_read(const View& from, float* values) noexcept override;
    Status do_read(const View& from, double* values) noexcept override;
    Status do_write(const Slice& to, const float* values) noexcept override;
    Status do_write(const Slice& to, const double* values) noexcept override;
    Status do_read(const Slice& from, float* values) noexcept override;
    Status do_read(const Slice& from, double* values) noexcept override;
    Status do_fill(const Slice& to, float value) noexcept override;
    using Backend::run;  // so that those it lacks are not hidden
    Status run(const SequenceConv& op) noexcept override;
    Status run(const SequenceConvGrad& op) noexcept override;
    Status run(const Embed& op) noexcept override;
    Status run(const Conv& op) noexcept override;
    Status run(const ConvGradInput& op) noexcept override;
    Status run(const ConvGradWeight& op) noexcept override;
    Status run(const Flatten& op) noexcept override;
    Status run(const FlattenGrad& op) noexcept override;
    Status run(const FlatDense& op) noexcept override;
    Status run(const FlatDenseGradInput& op) noexcept override;
    Status run(const FlatDenseGradWeight& op) noexcept override;
    Status run(const LstmRecurrence& op) noexcept override;
    Status run(const LstmRecurrenceGrad& op) noexcept override;
    Status run(const UpConv& op) noexcept override;
    Status run(const UpConvGradInput& op) noexcept override;
    Status run(const UpConvGradWeight& op) noexcept override;
    Status run(const Moments& op) noexcept override;
    Status run(const UpdateRunning& op) noexcept override;
    Status run(const NormAct& op) noexcept override;
    Status run(const NormActGrad& op) noexcept override;
    Status run(const NormGrad& op) noexcept override;
    Status run(const Pool& op) noexcept override;
    Status run(const PoolGrad& op) noexcept override;
    Status run(const Add& op) noexcept override;
    Status run(const CopyChannels& op) noexcept override;
    Status run(const Splice& op) noexcept override;
    Status run(const TailInfer& op) noexcept override;
    Status run(const TailCodes& op) noexcept override;
    Status run(const TailRuns& op) noexcept override;
    Status run(const TailTrain& op) noexcept override;
    Status run(const FoldUpNorm& op) noexcept override;
    Status run(const FoldUpNormGrad& op) noexcept override;
    Status run(const GradNorm& op) noexcept override;
    Status run(const Adam& op) noexcept override;

    // body(task, worker) for every task; nothing is allocated for it.
    template <typename Body>
    void parallel(std::int64_t tasks, const Body& body) {
        pool_.run(tasks, std::cref(body));
    }

    // Weights as `pack` puts them: in `room`, or, of a constant array, kept.
    template <typename Pack>
    const float* pack_weights(const cpu::PackedWeights::Key& key, std::int64_t count, float* room,
                              const Pack& pack) {
        if (key.array) return packed_weights_.get(key, count, pack);
        pack(room);
        return room;
    }

    // conv.cpp
    void correlate(cpu::Correlation job);
    void pair(cpu::Correlation& job);
    cpu::PhaseRows split_phases(const cpu::Rows& x, const ConvGeometry& geometry, std::int64_t outputs);
    void strided(const cpu::Rows& x, const ConvGeometry& geometry, cpu::Correlation job);
    void strided_grad_input(const cpu::Rows& dy, const float* weight, const ConvGeometry& geometry,
                            bool accumulate, const cpu::Rows& dx);
    // grad_weight.cpp
    void contract(cpu::Contraction job);
    void contract_short_rows(const cpu::Contraction& job);
    void contract_dense(const cpu::Contraction& job);
    void adjoin(cpu::Contraction& job);
    void add_row_sums(const cpu::Rows& dy, const Slice& d_bias);
    // lstm_grad.cpp
    void lstm_grad_weight(const cpu::Rows& d_gates, const cpu::Rows& y, int hidden, int directions,
                          float* d_weight);
    // tail_flat.cpp: dense layers over few positions. flat_loss leaves the gradient in the logits; the loss
    // is not scaled.
    bool is_flat_tail(const Shape& h, const Tail& tail) const;
    double flat_loss(const cpu::Rows& logits, const Labels& labels, const TailLoss& how);
    void turn(const View& from, std::int64_t rows, std::int64_t columns, const View& to);
    void flat_hidden_grad(const View& output, float scale, const View& d_output);
    Status train_flat_tail(const View& h, const Tail& tail, const Labels& labels, const TailLoss& how,
                           const Slice& loss, const TailGradient& gradient, bool accumulate,
                           const View& dh) noexcept;
    // tail_infer.cpp: gives the sink the logits of every block.
    void infer_blocks(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                      cpu::TailSink& sink);
    // up_norm.cpp
    void input_statistics(const View& h, const UpNormState& state);
    void covariance_times_weight(const UpNorm& norm, const UpNormState& state, double* product);

    cpu::Kernels kernels_;
    ThreadPool pool_;
    std::string description_;
    cpu::Scratch scratch_;
    cpu::PackedWeights packed_weights_;
    std::vector<CalledRuns> called_;  // of each worker, on their way to the caller
    std::vector<cpu::CalledPiece> pieces_;
};

namespace cpu {

// Runs an operation that may need more scratch memory, and turns its failure into a Status.
template <typename Body>
Status guarded(const Body& body) noexcept {
    try {
        body();
        return {};
    } catch (const std::bad_alloc&) {
        return Status::error(Status::Code::out_of_memory, "out of memory");
    }
}

}  // namespace cpu
}  // namespace regkit
