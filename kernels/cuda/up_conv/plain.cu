// An up-convolution of width = stride: an output depends on one input position alone, so a thread computes an
// output, or an element of the gradient of x, by one sum in a fixed order. The gradient of the weights is
// that of the convolution which maps dy to x, and borrows its kernel (conv/plain.cu).
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/conv/plain.hpp"
#include "kernels/cuda/up_conv/plain.hpp"

namespace regkit {

namespace cuda {

namespace {

struct UpForward {
    Tensor x, y;
    const float* weight;
    const float* bias;
    std::int64_t stride;
    bool relu;
    __device__ void operator()(std::int64_t index) const {
        const Place at = y.place(index);
        const std::int64_t p = at.position / stride, j = at.position % stride;
        float sum = bias ? bias[at.channel] : 0.0f;
        for (std::int64_t i = 0; i < x.channels; ++i)
            sum = fmaf(weight[(i * y.channels + at.channel) * stride + j], x.at(at.sample, i, p), sum);
        y.data[index] = relu ? relu_of(sum) : sum;
    }
};

struct UpGradInput {
    Tensor dy, dx;
    const float* weight;
    std::int64_t stride;
    bool accumulate;
    __device__ void operator()(std::int64_t index) const {
        const Place at = dx.place(index);
        float sum = accumulate ? dx.data[index] : 0.0f;
        for (std::int64_t o = 0; o < dy.channels; ++o)
            for (std::int64_t j = 0; j < stride; ++j)
                sum = fmaf(weight[(at.channel * dy.channels + o) * stride + j],
                           dy.at(at.sample, o, at.position * stride + j), sum);
        dx.data[index] = sum;
    }
};

}  // namespace

void up_conv_forward(const Tensor& x, const float* weight, const float* bias, int stride, bool relu,
                     const Tensor& y) {
    for_each(y.size(), UpForward{x, y, weight, bias, stride, relu});
}

void up_conv_grad_input(const Tensor& dy, const float* weight, int stride, bool accumulate,
                        const Tensor& dx) {
    for_each(dx.size(), UpGradInput{dy, dx, weight, stride, accumulate});
}

// The convolution that maps dy to x, of width = stride, has the same products and the same order of weights.
void up_conv_grad_weight(const Tensor& x, const Tensor& dy, int stride, float* d_weight, float* d_bias) {
    conv_grad_weight(problem_of(dy, x, {stride, stride, 1, 0, 0}), dy.data, x.data, d_weight, nullptr);
    channel_sums(dy, d_bias);
}

}  // namespace cuda

using cuda::pointer_to;
using cuda::tensor_of;

Status CudaBackend::run(const UpConv& op) noexcept {
    return guarded([&] {
        cuda::up_conv_forward(tensor_of(op.x), pointer_to(op.weight), pointer_to(op.bias), op.stride, op.relu,
                              tensor_of(op.y));
    });
}

Status CudaBackend::run(const UpConvGradInput& op) noexcept {
    return guarded([&] {
        cuda::up_conv_grad_input(tensor_of(op.dy), pointer_to(op.weight), op.stride, op.accumulate,
                                 tensor_of(op.dx));
    });
}

Status CudaBackend::run(const UpConvGradWeight& op) noexcept {
    return guarded([&] {
        cuda::up_conv_grad_weight(tensor_of(op.x), tensor_of(op.dy), op.stride, pointer_to(op.d_weight),
                                  pointer_to(op.d_bias));
    });
}

}  // namespace regkit
