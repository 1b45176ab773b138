// Flatten and dense: the rows of a sample are one vector, and y is one row over the samples.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/conv/plain.hpp"
#include "kernels/cuda/sums.hpp"

namespace regkit {

using cuda::pointer_to;
using cuda::Tensor;
using cuda::tensor_of;

namespace {

// Values of one sample of x.
__host__ __device__ std::int64_t inputs_of(const Tensor& x) {
    return x.channels * x.length;
}

struct Forward {
    Tensor x;
    const float* weight;
    const float* bias;
    bool relu;
    Tensor y;
    // An output [channel][sample] of y.
    __device__ double term(std::int64_t output, std::int64_t i) const {
        const std::int64_t inputs = inputs_of(x);
        const double w = weight[output / y.length * inputs + i];
        return w * x.data[output % y.length * inputs + i];
    }
    __device__ void store(std::int64_t output, double total) const {
        const float sum = static_cast<float>(total + (bias ? bias[output / y.length] : 0.0f));
        y.data[output] = relu ? cuda::relu_of(sum) : sum;
    }
};

struct InputGradient {
    Tensor dy;
    const float* weight;
    bool accumulate;
    Tensor dx;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t inputs = inputs_of(dx);
        const std::int64_t sample = index / inputs, i = index % inputs;
        float sum = accumulate ? dx.data[index] : 0.0f;
        for (std::int64_t o = 0; o < dy.channels; ++o)
            sum = fmaf(weight[o * inputs + i], dy.at(0, o, sample), sum);
        dx.data[index] = sum;
    }
};

struct WeightGradient {
    Tensor x, dy;
    float* d_weight;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t inputs = inputs_of(x);
        const std::int64_t o = index / inputs, i = index % inputs;
        float sum = 0;
        for (std::int64_t sample = 0; sample < x.batch; ++sample)
            sum = fmaf(dy.at(0, o, sample), x.data[sample * inputs + i], sum);
        d_weight[index] += sum;
    }
};

struct FlattenAt {
    Tensor x, y;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t inputs = inputs_of(x);
        y.at(0, index % inputs, index / inputs) = x.data[index];
    }
};

struct FlattenGradient {
    Tensor dy;
    bool accumulate;
    Tensor dx;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t inputs = inputs_of(dx);
        const float d = dy.at(0, index % inputs, index / inputs);
        dx.data[index] = accumulate ? dx.data[index] + d : d;
    }
};

}  // namespace

Status CudaBackend::run(const FlatDense& op) noexcept {
    return guarded([&] {
        const Tensor x = tensor_of(op.x), y = tensor_of(op.y);
        cuda::sum_each(y.size(), inputs_of(x),
                       Forward{x, pointer_to(op.weight), pointer_to(op.bias), op.relu, y});
    });
}

Status CudaBackend::run(const FlatDenseGradInput& op) noexcept {
    return guarded([&] {
        cuda::for_each(op.dx.shape.size(), InputGradient{tensor_of(op.dy), pointer_to(op.weight),
                                                         op.accumulate, tensor_of(op.dx)});
    });
}

Status CudaBackend::run(const FlatDenseGradWeight& op) noexcept {
    return guarded([&] {
        cuda::for_each(op.d_weight.count,
                       WeightGradient{tensor_of(op.x), tensor_of(op.dy), pointer_to(op.d_weight)});
        cuda::channel_sums(tensor_of(op.dy), pointer_to(op.d_bias));
    });
}

Status CudaBackend::run(const Flatten& op) noexcept {
    return guarded([&] { cuda::for_each(op.x.shape.size(), FlattenAt{tensor_of(op.x), tensor_of(op.y)}); });
}

Status CudaBackend::run(const FlattenGrad& op) noexcept {
    return guarded([&] {
        cuda::for_each(op.dx.shape.size(),
                       FlattenGradient{tensor_of(op.dy), op.accumulate, tensor_of(op.dx)});
    });
}

}  // namespace regkit
