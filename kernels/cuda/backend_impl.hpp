// The class behind make_cuda_backend; its operations are defined by topic in the .cu files beside.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/cuda/choice.hpp"
#include "kernels/cuda/rank_sum.hpp"
#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/scratch.hpp"
#include "kernels/cuda/stream.hpp"

namespace regkit {

namespace cuda::cublaslt {
class Tails;  // kernels/cuda/cublaslt/tail.hpp
}
namespace cuda::cudnn {
class Convolutions;  // kernels/cuda/cudnn/conv.hpp
class Engines;
class Lstms;  // kernels/cuda/cudnn/lstm.hpp
}  // namespace cuda::cudnn

class CudaBackend final : public Backend {
  public:
    // `cudnn`: what its convolutions and LSTMs are computed with where it is the choice, else null. Throws
    // cuda::Failure, or Error(usage) where the environment makes no sense.
    CudaBackend(const char* name, const std::string& description, int device, KernelChoice kernels,
                std::unique_ptr<cuda::cudnn::Engines> cudnn);
    ~CudaBackend() override;

    const char* name() const noexcept override { return name_; }
    const char* description() const noexcept override { return description_.c_str(); }
    std::vector<std::string> take_notices() override;
    // Computes the tail with these from now on, where they do.
    void use(std::unique_ptr<cuda::cublaslt::Tails> tails);
    cuda::Scratch& scratch() { return scratch_; }

  private:
    Status do_alloc(const Shape& shape, const Halo&, void** data) noexcept override;
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

    Status do_sequence_conv(const Codes& codes, const Slice& embedding, const Slice& weight,
                            const Slice& bias, const ConvGeometry& geometry, bool relu,
                            const View& y) noexcept override;
    Status do_sequence_conv_grad(const Codes& codes, const View& dy, const Slice& embedding,
                                 const Slice& weight, const ConvGeometry& geometry, const Slice& d_embedding,
                                 const Slice& d_weight, const Slice& d_bias) noexcept override;
    Status do_embed(const Codes& codes, const Slice& embedding, const View& y) noexcept override;

    Status do_conv(const View& x, const Slice& weight, const Slice& bias, const ConvGeometry& geometry,
                   bool relu, const View& y) noexcept override;
    Status do_conv_grad_input(const View& dy, const Slice& weight, const ConvGeometry& geometry,
                              bool accumulate, const View& dx) noexcept override;
    Status do_conv_grad_weight(const View& x, const View& dy, const ConvGeometry& geometry,
                               const Slice& d_weight, const Slice& d_bias) noexcept override;
    Status do_flat_dense(const View& x, const Slice& weight, const Slice& bias, bool relu,
                         const View& y) noexcept override;
    Status do_flat_dense_grad_input(const View& dy, const Slice& weight, bool accumulate,
                                    const View& dx) noexcept override;
    Status do_flat_dense_grad_weight(const View& x, const View& dy, const Slice& d_weight,
                                     const Slice& d_bias) noexcept override;
    Status do_flatten(const View& x, const View& y) noexcept override;
    Status do_flatten_grad(const View& dy, bool accumulate, const View& dx) noexcept override;
    Status do_lstm(const View& gates, const Slice& weight_hh, int hidden, int directions, const View& cell,
                   const View& y) noexcept override;
    Status do_lstm_grad(const View& gates, const Slice& weight_hh, int hidden, int directions,
                        const View& cell, const View& y, const View& dy,
                        const Slice& d_weight_hh) noexcept override;
    Status do_lstm_own(const Shape& x, int hidden, int directions, bool training,
                       std::int64_t& count) noexcept override;
    Status do_lstm_layer(const View& x, const LstmLayer& layer, LstmMemory& memory,
                         const View& y) noexcept override;
    Status do_lstm_layer_grad(const View& x, const LstmLayer& layer, LstmMemory& memory, const View& y,
                              const View& dy, const LstmGradient& gradient, bool accumulate,
                              const View& dx) noexcept override;
    Status do_up_conv(const View& x, const Slice& weight, const Slice& bias, int stride, bool relu,
                      const View& y) noexcept override;
    Status do_up_conv_grad_input(const View& dy, const Slice& weight, int stride, bool accumulate,
                                 const View& dx) noexcept override;
    Status do_up_conv_grad_weight(const View& x, const View& dy, int stride, const Slice& d_weight,
                                  const Slice& d_bias) noexcept override;

    Status do_moments(const View& x, const Slice& mean, const Slice& var) noexcept override;
    Status do_update_running(const Slice& mean, const Slice& var, std::int64_t count, float momentum,
                             const Slice& running_mean, const Slice& running_var) noexcept override;
    Status do_norm_act(const View& x, const Norm* norm, bool relu, const Dropout& dropout,
                       const View& y) noexcept override;
    Status do_norm_act_grad(const View& x, const View& dy, const Norm* norm, bool relu,
                            const Dropout& dropout, const View& dx, const Slice& d_gamma, const Slice& d_beta,
                            bool whole) noexcept override;
    Status do_norm_grad(const View& x, const Norm& norm, const Slice& sum_gamma, const Slice& sum_beta,
                        std::int64_t count, const View& dx) noexcept override;
    Status do_pool(const View& x, const PoolGeometry& geometry, const View& y) noexcept override;
    Status do_pool_grad(const View& x, const View& dy, const PoolGeometry& geometry, bool accumulate,
                        const View& dx) noexcept override;
    Status do_add(const View& x, const View& y) noexcept override;
    Status do_copy_channels(const View& x, int x_begin, const View& y, int y_begin, int count,
                            bool accumulate) noexcept override;

    Status do_tail_infer(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                         TailOutput kind, float* out) noexcept override;
    Status do_tail_codes(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                         std::uint8_t* out) noexcept override;
    Status do_tail_bits(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                        TailOutput kind, float cutoff, std::uint8_t* out) noexcept override;
    Status do_tail_runs(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                        TailOutput kind, float cutoff, CalledRuns& out) noexcept override;
    Status do_tail_train(const View& h, const Tail& tail, const Labels& labels, const TailLoss& how,
                         const Slice& loss, const TailGradient& gradient, bool accumulate,
                         const View& dh) noexcept override;
    Status do_fold_up_norm(const View& h, const UpNorm& norm, const UpNormState& state,
                           const Slice& folded_weight, const Slice& folded_bias) noexcept override;
    Status do_fold_up_norm_grad(const View& h, const UpNorm& norm, const UpNormState& state,
                                const Slice& d_folded_weight, const Slice& d_folded_bias,
                                const Slice& d_weight, const Slice& d_bias, const Slice& d_gamma,
                                const Slice& d_beta, const View& dh) noexcept override;

    Status do_all_reduce(const Slice& from, const Slice& to, QuietRanks& ranks) noexcept override;
    Status do_grad_norm(const Slice& gradient, const Slice& norm) noexcept override;
    Status do_adam(const Slice& parameters, const Slice& gradient, const Slice& m, const Slice& v,
                   const AdamStep& step, const Slice& norm) noexcept override;

    // Where an operation has a fast twin, its body asks this and nothing else; the plain kernel follows.
    bool fast() const noexcept { return kernels_ != KernelChoice::naive; }

    // Runs a body that throws cuda::Failure where a call to CUDA fails. The current device belongs to the
    // calling thread, so every operation chooses it.
    template <typename Body>
    Status guarded(Body body) noexcept {
        try {
            cuda::check(cudaSetDevice(device_));
            const cuda::Stream::Operation operation(stream_);
            body();
            return {};
        } catch (const cuda::Failure& failure) {
            return failure.status;
        } catch (const std::bad_alloc&) {
            return Status::error(Status::Code::out_of_memory, "out of host memory");
        }
    }

    const char* name_;
    std::string description_;
    int device_;
    KernelChoice kernels_;
    cuda::Stream stream_;
    cuda::Scratch scratch_{stream_};
    cuda::RankSum rank_sum_{device_, stream_, scratch_};
    // All three, or none.
    std::unique_ptr<cuda::cudnn::Engines> engines_;
    std::unique_ptr<cuda::cudnn::Convolutions> cudnn_;
    std::unique_ptr<cuda::cudnn::Lstms> cudnn_lstms_;
    std::unique_ptr<cuda::cublaslt::Tails> cublaslt_;  // null where they are not the choice
};

}  // namespace regkit
