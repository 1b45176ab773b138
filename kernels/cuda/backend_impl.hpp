// The class behind make_cuda_backend; its operations are defined by topic in the .cu files beside.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/cuda/all_reduce/rank_sum.hpp"
#include "kernels/cuda/choice.hpp"
#include "kernels/cuda/implementation.hpp"
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
    // `cudnn`: what convolutions and LSTMs are computed with where it is allowed, else null. Throws
    // cuda::Failure, or Error(usage) where the environment makes no sense.
    CudaBackend(const char* name, const std::string& description, int device, const KernelChoice& choice,
                std::unique_ptr<cuda::cudnn::Engines> cudnn);
    ~CudaBackend() override;

    const char* name() const noexcept override { return name_; }
    const char* description() const noexcept override { return description_.c_str(); }
    std::vector<std::string> take_notices() override;
    std::vector<std::string> take_choices() override { return std::exchange(choices_, {}); }

    // ---- for implementations
    cuda::Stream& stream() { return stream_; }
    cuda::Scratch& scratch() { return scratch_; }
    // Of which there are some where the choice allows them.
    cuda::cudnn::Convolutions& convolutions() { return *convolutions_; }
    cuda::cudnn::Lstms& lstms() { return *lstms_; }
    cuda::cublaslt::Tails& tails() { return *tails_; }
    void use(std::unique_ptr<cuda::cublaslt::Tails> tails);
    // body(run), where run(op) -> Status does an operation that another is made of. Throws what it did not
    // do.
    template <typename Body>
    void parts(const Body& body) {
        const Status status = body([this](const auto& part) { return run(part); });
        if (!status.ok()) throw cuda::Failure{status};
    }

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
    Status run(const Splice& op) noexcept override;

    Status run(const TailInfer& op) noexcept override;
    Status run(const TailCodes& op) noexcept override;
    Status run(const TailRuns& op) noexcept override;
    Status run(const TailTrain& op) noexcept override;
    Status run(const FoldUpNorm& op) noexcept override;
    Status run(const FoldUpNormGrad& op) noexcept override;

    Status run(const AllReduce& op) noexcept override;
    Status run(const GradNorm& op) noexcept override;
    Status run(const Adam& op) noexcept override;

    // The first of the list that may, fits and is there computes the operation. The device is asked last:
    // what 9.0 has is tried before its first use (hopper_trial.hpp).
    template <typename Op, std::size_t n>
    Status compute(Family family, const cuda::Implementation<Op> (&list)[n], const Op& op) noexcept {
        return guarded([&] {
            for (const cuda::Implementation<Op>& implementation : list) {
                const Kernels kernels = implementation.kernels;
                if (choice_.allows(family, kernels) && implementation.fits(op, *this) && has(kernels) &&
                    implementation.run(op, *this))
                    return remember(Op::kName, kernels);
            }
        });
    }
    bool has(Kernels kernels);
    // For take_choices.
    void remember(const char* operation, Kernels kernels);

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
    KernelChoice choice_;
    cuda::Stream stream_;
    cuda::Scratch scratch_{stream_};
    cuda::RankSum rank_sum_{device_, stream_, scratch_};
    std::unique_ptr<cuda::cudnn::Engines> engines_;
    std::unique_ptr<cuda::cudnn::Convolutions> convolutions_;
    std::unique_ptr<cuda::cudnn::Lstms> lstms_;
    std::unique_ptr<cuda::cublaslt::Tails> tails_;
    std::string notice_;  // of sums over ranks
    std::vector<std::pair<const char*, Kernels>> chosen_;
    std::vector<std::string> choices_;
};

}  // namespace regkit
