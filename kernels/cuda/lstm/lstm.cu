// The LSTM: its recurrence, and the layer as a whole, which cuDNN has. The plain layer is a convolution of
// width 1 and the recurrence.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/lstm/cudnn.hpp"
#include "kernels/cuda/lstm/plain.hpp"
#include "kernels/ops/lstm_parts.hpp"

namespace regkit {

using cuda::pointer_to;
using cuda::tensor_of;

Status CudaBackend::run(const LstmRecurrence& op) noexcept {
    return guarded([&] {
        cuda::lstm_forward({tensor_of(op.gates), tensor_of(op.cell), tensor_of(op.y),
                            pointer_to(op.weight_hh), op.hidden, op.directions});
    });
}

Status CudaBackend::run(const LstmRecurrenceGrad& op) noexcept {
    return guarded([&] {
        cuda::lstm_gradient({tensor_of(op.gates), tensor_of(op.cell), tensor_of(op.y),
                             pointer_to(op.weight_hh), op.hidden, op.directions},
                            tensor_of(op.dy), pointer_to(op.d_weight_hh), scratch_);
    });
}

// ---- the layer as a whole
namespace {

cuda::cudnn::LstmProblem problem_of(const Shape& x, int hidden, int directions) {
    return {x.batch, x.length, x.channels, hidden, directions};
}

template <typename Op>
cuda::cudnn::LstmProblem problem_of(const Op& op) {
    return problem_of(op.x.shape, op.layer.hidden, op.layer.directions);
}

cuda::cudnn::LstmRoom room_of(const LstmMemory& memory) {
    const Slice own = memory.own.slice();
    return {pointer_to(own), own.count, memory.training};
}

cuda::cudnn::LstmParameters parameters_of(const LstmLayer& layer) {
    return {pointer_to(layer.weight_ih), pointer_to(layer.weight_hh), pointer_to(layer.bias)};
}

View view_of(const cuda::Tensor& tensor) {
    return {tensor.data, {tensor.batch, tensor.channels, tensor.length}, {}};
}

// ---- cudnn
bool fits_cudnn(const Lstm& op, CudaBackend& backend) {
    return backend.lstms().may_do(problem_of(op), room_of(*op.memory));
}
bool by_cudnn(const Lstm& op, CudaBackend& backend) {
    op.memory->is_whole = backend.lstms().forward(problem_of(op), tensor_of(op.x), parameters_of(op.layer),
                                                  room_of(*op.memory), tensor_of(op.y));
    return op.memory->is_whole;
}
bool fits_cudnn(const LstmGrad& op, CudaBackend& backend) {
    return op.memory->is_whole && backend.lstms().may_do_gradient(problem_of(op));
}
bool by_cudnn(const LstmGrad& op, CudaBackend& backend) {
    const cuda::cudnn::LstmParameterGradients to{
        pointer_to(op.gradient.weight_ih), pointer_to(op.gradient.weight_hh), pointer_to(op.gradient.bias)};
    return backend.lstms().gradient(problem_of(op), tensor_of(op.x), parameters_of(op.layer),
                                    room_of(*op.memory), tensor_of(op.y), tensor_of(op.dy), to, op.accumulate,
                                    tensor_of(op.dx));
}

// ---- plain: in the parts of the room
template <typename Op>
void forward_of_parts(const Op& op, const View& y, CudaBackend& backend) {
    const auto problem = problem_of(op);
    const auto room = room_of(*op.memory);
    backend.parts([&](const auto& run) {
        return lstm_of_parts(op.x, op.layer, view_of(room.gates(problem)), view_of(room.cell(problem)), y,
                             run);
    });
}
bool by_plain(const Lstm& op, CudaBackend& backend) {
    forward_of_parts(op, op.y, backend);
    return true;
}
bool by_plain(const LstmGrad& op, CudaBackend& backend) {
    const auto problem = problem_of(op);
    const auto room = room_of(*op.memory);
    View y = op.y;
    if (op.memory->is_whole) {  // what cuDNN has left is of no use here
        y = {backend.scratch().get<float>(cuda::Scratch::kLstmSteps, op.y.shape.size()), op.y.shape, {}};
        forward_of_parts(op, y, backend);
    }
    backend.parts([&](const auto& run) {
        return lstm_grad_of_parts(op, view_of(room.gates(problem)), view_of(room.cell(problem)), y, run);
    });
    return true;
}

template <typename Op>
constexpr cuda::Implementation<Op> kLstm[] = {
    {Kernels::cudnn, fits_cudnn, by_cudnn},
    {Kernels::plain, cuda::fits_always, by_plain},
};
static_assert(is_list_of(Family::lstm, kLstm<Lstm>));

}  // namespace

void cuda::add_lstm_names(std::vector<ImplementationName>& to) {
    add_names(Family::lstm, kLstm<regkit::Lstm>, to);
    add_names(Family::lstm, kLstm<LstmGrad>, to);
}

// Where cuDNN does not do it, callers have the parts in memory of their own (compose.hpp), and none of the
// above is asked.
Status CudaBackend::run(const LstmRoom& op) noexcept {
    if (!choice_.allows(Family::lstm, Kernels::cudnn)) return Status::unsupported();
    std::optional<std::int64_t> room;
    const Status status =
        guarded([&] { room = lstms_->room(problem_of(op.x, op.hidden, op.directions), op.training); });
    if (!status.ok()) return status;
    if (!room) return Status::unsupported();
    *op.values = *room;
    return {};
}

Status CudaBackend::run(const Lstm& op) noexcept {
    if (!op.memory->own) return Status::unsupported();
    op.memory->is_whole = false;
    return compute(Family::lstm, kLstm<Lstm>, op);
}

Status CudaBackend::run(const LstmGrad& op) noexcept {
    if (!op.memory->own) return Status::unsupported();
    return compute(Family::lstm, kLstm<LstmGrad>, op);
}

}  // namespace regkit
