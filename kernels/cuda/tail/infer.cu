// The tail's operations at inference: each asks cuBLASLt first, then the tensor cores' kernels. What is left
// are values by the plain kernels of TailLayers, piece by piece, put in their places on the host. They have
// no codes, bits or runs of their own, which Backend then makes of the values.
#include <algorithm>
#include <vector>

#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/tail/cublaslt.hpp"
#include "kernels/cuda/tail/packed.hpp"
#include "kernels/cuda/tail/plain.hpp"
#include "kernels/cuda/tail/sm80_infer.hpp"

namespace regkit {

using cuda::Piece;
using cuda::TailLayers;
using cuda::Tensor;

namespace {

struct Output {
    float* logits;
    TailOutput kind;
    __device__ void operator()(std::int64_t i) const {
        logits[i] = kind == TailOutput::rates ? cuda::softplus_of(logits[i]) : cuda::sigmoid_of(logits[i]);
    }
};

// The plain kernels have values only, of which compose.hpp makes the rest.
[[noreturn]] void leave_to_values() {
    throw cuda::Failure{Status::error(Status::Code::unsupported, "")};
}

}  // namespace

Status CudaBackend::run(const TailInfer& op) noexcept {
    if (op.begin == op.end) return {};
    return guarded([&] {
        const cuda::TailRange range{cuda::tensor_of(op.h), op.begin, op.end};
        if (cublaslt_ && cublaslt_->values(op.tail, range, op.kind, op.out.data())) return;
        if (fast() && cuda::fits_fast_tail(op.tail))
            return cuda::fast_tail_values(op.tail, range, op.kind, op.out.data(), scratch_);
        TailLayers layers(op.tail, nullptr, scratch_);
        const std::int64_t markers = op.tail.markers(), row = (op.end - op.begin) * op.tail.stride;
        std::vector<float> part;  // of a sample's rows, where they do not come op.out.data() whole
        layers.for_each_piece(op.h.shape.batch, op.begin, op.end, [&](const Piece& piece) {
            const Tensor outputs = layers.forward(cuda::tensor_of(op.h), piece);
            if (op.kind != TailOutput::logits) cuda::for_each(outputs.size(), Output{outputs.data, op.kind});
            const auto count = static_cast<std::size_t>(outputs.size());
            float* const to = op.out.data() + piece.first_sample * markers * row;
            const bool is_whole = outputs.length == row;
            if (!is_whole) part.resize(count);
            stream_.download(is_whole ? to : part.data(), outputs.data, count * sizeof(float));
            if (is_whole) return;
            for (std::int64_t marker = 0; marker < markers; ++marker)
                std::copy_n(part.data() + marker * outputs.length, outputs.length,
                            to + marker * row + (piece.begin - op.begin) * op.tail.stride);
        });
    });
}

Status CudaBackend::run(const TailCodes& op) noexcept {
    if (op.begin == op.end) return {};
    return guarded([&] {
        const cuda::TailRange range{cuda::tensor_of(op.h), op.begin, op.end};
        if (cublaslt_ && cublaslt_->codes(op.tail, range, op.out.data())) return;
        if (!fast() || !cuda::fits_fast_tail(op.tail)) leave_to_values();
        cuda::fast_tail_codes(op.tail, range, op.out.data(), scratch_);
    });
}

Status CudaBackend::run(const TailRuns& op) noexcept {
    op.out->clear();
    if (op.begin == op.end) return {};
    return guarded([&] {
        const cuda::TailRange range{cuda::tensor_of(op.h), op.begin, op.end};
        if (cublaslt_ && cublaslt_->runs(op.tail, range, op.kind, op.cutoff, *op.out)) return;
        if (!fast() || !cuda::fits_fast_tail(op.tail)) leave_to_values();
        cuda::fast_tail_runs(op.tail, range, op.kind, op.cutoff, *op.out, scratch_);
    });
}

}  // namespace regkit
