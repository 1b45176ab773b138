// The reference back end: every operation in double precision, by the loops that define it. Slow and obvious
// on purpose: it is what the other back ends are tested against, and is itself tested by finite differences.
// Single-threaded.
//
// Memory: a tensor is [batch][channels][length] doubles without halo; positions outside the row are tested
// for, never read.
#pragma once

#include <memory>

#include "kernels/backend.hpp"

namespace regkit {

std::unique_ptr<Backend> make_reference_backend();

class ReferenceBackend final : public Backend {
  public:
    const char* name() const noexcept override { return "reference"; }
    const char* description() const noexcept override { return "reference f64"; }
    bool is_double() const noexcept override { return true; }

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
    Status run(const Flatten& op) noexcept override;
    Status run(const FlattenGrad& op) noexcept override;
    Status run(const UpConv& op) noexcept override;
    Status run(const UpConvGradInput& op) noexcept override;
    Status run(const UpConvGradWeight& op) noexcept override;

    Status run(const FlatDense& op) noexcept override;
    Status run(const FlatDenseGradInput& op) noexcept override;
    Status run(const FlatDenseGradWeight& op) noexcept override;
    Status run(const LstmRecurrence& op) noexcept override;
    Status run(const LstmRecurrenceGrad& op) noexcept override;

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
    Status run(const TailTrain& op) noexcept override;
    Status run(const FoldUpNorm& op) noexcept override;
    Status run(const FoldUpNormGrad& op) noexcept override;

    Status run(const GradNorm& op) noexcept override;
    Status run(const Adam& op) noexcept override;
};

}  // namespace regkit
