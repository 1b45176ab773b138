// The convolution and its gradients: their implementations, best first.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/conv/cudnn.hpp"
#include "kernels/cuda/conv/plain.hpp"
#include "kernels/cuda/conv/sm80.hpp"
#include "kernels/cuda/conv/sm90.hpp"

namespace regkit {

using cuda::ConvProblem;
using cuda::pointer_to;
using cuda::tensor_of;

namespace {

ConvProblem problem_of(const Conv& op) {
    return cuda::problem_of(tensor_of(op.x), tensor_of(op.y), op.geometry);
}
ConvProblem problem_of(const ConvGradInput& op) {
    return cuda::problem_of(tensor_of(op.dx), tensor_of(op.dy), op.geometry);
}
ConvProblem problem_of(const ConvGradWeight& op) {
    return cuda::problem_of(tensor_of(op.x), tensor_of(op.dy), op.geometry);
}

// ---- cudnn
using cuda::cudnn::Direction;

bool fits_cudnn(const Conv& op, CudaBackend& backend) {
    return backend.convolutions().may_do(Direction::forward, problem_of(op));
}
bool fits_cudnn(const ConvGradInput& op, CudaBackend& backend) {
    return backend.convolutions().may_do(Direction::grad_input, problem_of(op));
}
bool fits_cudnn(const ConvGradWeight& op, CudaBackend& backend) {
    return backend.convolutions().may_do(Direction::grad_weight, problem_of(op));
}
bool by_cudnn(const Conv& op, CudaBackend& backend) {
    return backend.convolutions().forward(problem_of(op), tensor_of(op.x).data, pointer_to(op.weight),
                                          pointer_to(op.bias), op.relu, tensor_of(op.y).data);
}
bool by_cudnn(const ConvGradInput& op, CudaBackend& backend) {
    return backend.convolutions().grad_input(problem_of(op), tensor_of(op.dy).data, pointer_to(op.weight),
                                             op.accumulate, tensor_of(op.dx).data);
}
bool by_cudnn(const ConvGradWeight& op, CudaBackend& backend) {
    return backend.convolutions().grad_weight(problem_of(op), tensor_of(op.x).data, tensor_of(op.dy).data,
                                              pointer_to(op.d_weight), pointer_to(op.d_bias));
}

// ---- tensor cores
template <typename Op>
bool fits_sm80(const Op& op, CudaBackend&) {
    return cuda::fits_sm80_conv(problem_of(op));
}
// None that devices of 8.0 leave to the plain kernel: which operands are rounded does not depend on the
// device.
bool fits_sm90(const Conv& op, CudaBackend& backend) {
    return fits_sm80(op, backend) && cuda::fits_sm90_shift(shift_of_forward(problem_of(op), op.relu));
}
bool fits_sm90(const ConvGradInput& op, CudaBackend& backend) {
    return fits_sm80(op, backend) && cuda::fits_sm90_shift(shift_of_gradient(problem_of(op), op.accumulate));
}
bool fits_sm90(const ConvGradWeight& op, CudaBackend& backend) {
    return fits_sm80(op, backend) && cuda::fits_sm90_weight(problem_of(op));
}

// Of sm80_row_shift and sm90_row_shift.
template <typename Shift>
bool by_shift(Shift row_shift, const Conv& op, CudaBackend& backend) {
    const ConvProblem problem = problem_of(op);
    row_shift(shift_of_forward(problem, op.relu), tensor_of(op.x),
              weights_of_forward(problem, pointer_to(op.weight)), pointer_to(op.bias), tensor_of(op.y).data,
              backend.scratch());
    return true;
}
template <typename Shift>
bool by_shift(Shift row_shift, const ConvGradInput& op, CudaBackend& backend) {
    const ConvProblem problem = problem_of(op);
    row_shift(shift_of_gradient(problem, op.accumulate), tensor_of(op.dy),
              weights_of_gradient(problem, pointer_to(op.weight)), nullptr, tensor_of(op.dx).data,
              backend.scratch());
    return true;
}
template <typename Op>
bool by_sm80(const Op& op, CudaBackend& backend) {
    return by_shift(cuda::sm80_row_shift, op, backend);
}
template <typename Op>
bool by_sm90(const Op& op, CudaBackend& backend) {
    return by_shift(cuda::sm90_row_shift, op, backend);
}
bool by_sm80(const ConvGradWeight& op, CudaBackend& backend) {
    cuda::sm80_weight_gradient(problem_of(op), tensor_of(op.x), tensor_of(op.dy), pointer_to(op.d_weight),
                               backend.scratch());
    cuda::channel_sums(tensor_of(op.dy), pointer_to(op.d_bias));
    return true;
}
bool by_sm90(const ConvGradWeight& op, CudaBackend& backend) {
    cuda::sm90_weight_gradient(problem_of(op), tensor_of(op.x), tensor_of(op.dy), pointer_to(op.d_weight),
                               backend.scratch());
    cuda::channel_sums(tensor_of(op.dy), pointer_to(op.d_bias));
    return true;
}

// ---- plain
bool by_plain(const Conv& op, CudaBackend&) {
    cuda::conv_forward(problem_of(op), tensor_of(op.x).data, pointer_to(op.weight), pointer_to(op.bias),
                       op.relu, tensor_of(op.y).data);
    return true;
}
bool by_plain(const ConvGradInput& op, CudaBackend&) {
    cuda::conv_grad_input(problem_of(op), tensor_of(op.dy).data, pointer_to(op.weight), op.accumulate,
                          tensor_of(op.dx).data);
    return true;
}
bool by_plain(const ConvGradWeight& op, CudaBackend&) {
    cuda::conv_grad_weight(problem_of(op), tensor_of(op.x).data, tensor_of(op.dy).data,
                           pointer_to(op.d_weight), pointer_to(op.d_bias));
    return true;
}

template <typename Op>
constexpr cuda::Implementation<Op> kConv[] = {
    {Kernels::cudnn, fits_cudnn, by_cudnn},
    {Kernels::sm90, fits_sm90, by_sm90},
    {Kernels::sm80, fits_sm80, by_sm80},
    {Kernels::plain, cuda::fits_always, by_plain},
};
static_assert(is_list_of(Family::conv, kConv<Conv>));

}  // namespace

void cuda::add_conv_names(std::vector<ImplementationName>& to) {
    add_names(Family::conv, kConv<Conv>, to);
    add_names(Family::conv, kConv<ConvGradInput>, to);
    add_names(Family::conv, kConv<ConvGradWeight>, to);
}

Status CudaBackend::run(const Conv& op) noexcept {
    return compute(Family::conv, kConv<Conv>, op);
}

Status CudaBackend::run(const ConvGradInput& op) noexcept {
    return compute(Family::conv, kConv<ConvGradInput>, op);
}

Status CudaBackend::run(const ConvGradWeight& op) noexcept {
    return compute(Family::conv, kConv<ConvGradWeight>, op);
}

}  // namespace regkit
