// The class behind make_cuda_backend; its operations are defined by topic in the .cu files beside.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/cuda/all_reduce/rank_sum.hpp"
#include "kernels/cuda/choice.hpp"
#include "kernels/cuda/runtime.hpp"
#include "kernels/cuda/scratch.hpp"
#include "kernels/cuda/stream.hpp"

namespace regkit {

namespace cuda::cublaslt {
class Tails;  // kernels/cuda/tail/cublaslt.hpp
}
namespace cuda::cudnn {
class Convolutions;  // kernels/cuda/conv/cudnn.hpp
class Engines;
class Lstms;  // kernels/cuda/lstm/cudnn.hpp
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

    using Backend::run;  // so that those it lacks are not hidden
    Status run(const SequenceConv& op) noexcept override;
    Status run(const SequenceConvGrad& op) noexcept override;
    Status run(const Embed& op) noexcept override;

    Status run(const Conv& op) noexcept override;
    Status run(const ConvGradInput& op) noexcept override;
    Status run(const ConvGradWeight& op) noexcept override;
    Status run(const FlatDense& op) noexcept override;
    Status run(const FlatDenseGradInput& op) noexcept override;
    Status run(const FlatDenseGradWeight& op) noexcept override;
    Status run(const Flatten& op) noexcept override;
    Status run(const FlattenGrad& op) noexcept override;
    Status run(const LstmRecurrence& op) noexcept override;
    Status run(const LstmRecurrenceGrad& op) noexcept override;
    Status run(const LstmRoom& op) noexcept override;
    Status run(const Lstm& op) noexcept override;
    Status run(const LstmGrad& op) noexcept override;
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

    Status run(const TailInfer& op) noexcept override;
    Status run(const TailCodes& op) noexcept override;
    Status run(const TailRuns& op) noexcept override;
    Status run(const TailTrain& op) noexcept override;
    Status run(const FoldUpNorm& op) noexcept override;
    Status run(const FoldUpNormGrad& op) noexcept override;

    Status run(const AllReduce& op) noexcept override;
    Status run(const GradNorm& op) noexcept override;
    Status run(const Adam& op) noexcept override;

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
    std::string notice_;                               // of sums over ranks
};

}  // namespace regkit
