// The fused tail: its implementations, best first. At inference they differ in what writes a piece; that all
// kinds of output are handed out of pieces is output.hpp's.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/tail/cublaslt.hpp"
#include "kernels/cuda/tail/infer.hpp"
#include "kernels/cuda/tail/packed.hpp"
#include "kernels/cuda/tail/train.hpp"

namespace regkit {

using cuda::PieceRunner;
using cuda::TailRange;
using cuda::TailTraining;

namespace {

template <typename Op>
bool fits_tensor_cores(const Op& op, CudaBackend&) {
    return cuda::fits_tensor_core_tail(op.tail);
}

// ---- inference
void hand_out(const TailInfer& op, const TailRange& range, const PieceRunner& runner,
              cuda::Scratch& scratch) {
    hand_out_values(op.tail, range, op.kind, op.out.data(), scratch, runner);
}
void hand_out(const TailCodes& op, const TailRange& range, const PieceRunner& runner,
              cuda::Scratch& scratch) {
    hand_out_codes(op.tail, range, op.out.data(), scratch, runner);
}
void hand_out(const TailRuns& op, const TailRange& range, const PieceRunner& runner, cuda::Scratch& scratch) {
    hand_out_runs(op.tail, range, op.kind, op.cutoffs, *op.out, scratch, runner);
}

template <typename Op>
bool fits_cublaslt(const Op& op, CudaBackend& backend) {
    return backend.tails().fits(op.tail);
}

// By the runner that runner_of(tail, range, backend) makes.
template <auto runner_of, typename Op>
bool by(const Op& op, CudaBackend& backend) {
    const TailRange range{cuda::tensor_of(op.h), op.begin, op.end};
    hand_out(op, range, runner_of(op.tail, range, backend), backend.scratch());
    return true;
}
PieceRunner of_cublaslt(const Tail& tail, const TailRange& range, CudaBackend& backend) {
    return backend.tails().runner(tail, range);
}
PieceRunner of_sm90(const Tail& tail, const TailRange& range, CudaBackend& backend) {
    return cuda::sm90_runner(tail, range, backend.scratch());
}
PieceRunner of_sm80(const Tail& tail, const TailRange& range, CudaBackend& backend) {
    return cuda::sm80_runner(tail, range, backend.scratch());
}
PieceRunner of_plain(const Tail& tail, const TailRange& range, CudaBackend& backend) {
    return cuda::plain_runner(tail, range, backend.scratch());
}

// Of TailInfer, TailCodes and TailRuns.
template <typename Op>
constexpr cuda::Implementation<Op> kTailInfer[] = {
    {Kernels::cublaslt, fits_cublaslt<Op>, by<of_cublaslt, Op>},
    {Kernels::sm90, fits_tensor_cores<Op>, by<of_sm90, Op>},
    {Kernels::sm80, fits_tensor_cores<Op>, by<of_sm80, Op>},
    {Kernels::plain, cuda::fits_always<Op>, by<of_plain, Op>},
};
static_assert(is_list_of(Family::tail, kTailInfer<TailInfer>));

// ---- training
TailTraining training_of(const TailTrain& op) {
    return {op.tail,       cuda::tensor_of(op.h), op.labels, op.how, cuda::pointer_to(op.loss), op.gradient,
            op.accumulate, cuda::tensor_of(op.dh)};
}

bool fits_cublaslt(const TailTrain& op, CudaBackend& backend) {
    return backend.tails().fits(training_of(op));
}
bool by_cublaslt(const TailTrain& op, CudaBackend& backend) {
    backend.tails().train(training_of(op));
    return true;
}
bool by_sm90(const TailTrain& op, CudaBackend& backend) {
    cuda::sm90_tail_train(training_of(op), backend.scratch());
    return true;
}
bool by_sm80(const TailTrain& op, CudaBackend& backend) {
    cuda::sm80_tail_train(training_of(op), backend.scratch());
    return true;
}
bool by_plain(const TailTrain& op, CudaBackend& backend) {
    cuda::plain_tail_train(training_of(op), backend.scratch());
    return true;
}

constexpr cuda::Implementation<TailTrain> kTailTrain[] = {
    {Kernels::cublaslt, fits_cublaslt, by_cublaslt},
    {Kernels::sm90, fits_tensor_cores, by_sm90},
    {Kernels::sm80, fits_tensor_cores, by_sm80},
    {Kernels::plain, cuda::fits_always, by_plain},
};
static_assert(is_list_of(Family::tail, kTailTrain));

}  // namespace

void cuda::add_tail_names(std::vector<ImplementationName>& to) {
    add_names(Family::tail, kTailInfer<TailInfer>, to);
    add_names(Family::tail, kTailInfer<TailCodes>, to);
    add_names(Family::tail, kTailInfer<TailRuns>, to);
    add_names(Family::tail, kTailTrain, to);
}

Status CudaBackend::run(const TailInfer& op) noexcept {
    if (op.begin == op.end) return {};
    return compute(Family::tail, kTailInfer<TailInfer>, op);
}

Status CudaBackend::run(const TailCodes& op) noexcept {
    if (op.begin == op.end) return {};
    return compute(Family::tail, kTailInfer<TailCodes>, op);
}

Status CudaBackend::run(const TailRuns& op) noexcept {
    op.out->clear();
    if (op.begin == op.end) return {};
    return compute(Family::tail, kTailInfer<TailRuns>, op);
}

Status CudaBackend::run(const TailTrain& op) noexcept {
    return compute(Family::tail, kTailTrain, op);
}

}  // namespace regkit
