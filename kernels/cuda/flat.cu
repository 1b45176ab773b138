// Flatten and dense: the rows of a sample are one vector, and y is one row over the samples.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/conv.hpp"
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

struct Flatten {
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

Status CudaBackend::do_flat_dense(const View& x_view, const Slice& weight, const Slice& bias, bool relu,
                                  const View& y_view) noexcept {
    return guarded([&] {
        const Tensor x = tensor_of(x_view), y = tensor_of(y_view);
        cuda::sum_each(y.size(), inputs_of(x), Forward{x, pointer_to(weight), pointer_to(bias), relu, y});
    });
}

Status CudaBackend::do_flat_dense_grad_input(const View& dy, const Slice& weight, bool accumulate,
                                             const View& dx) noexcept {
    return guarded([&] {
        cuda::for_each(dx.shape.size(),
                       InputGradient{tensor_of(dy), pointer_to(weight), accumulate, tensor_of(dx)});
    });
}

Status CudaBackend::do_flat_dense_grad_weight(const View& x, const View& dy, const Slice& d_weight,
                                              const Slice& d_bias) noexcept {
    return guarded([&] {
        cuda::for_each(d_weight.count, WeightGradient{tensor_of(x), tensor_of(dy), pointer_to(d_weight)});
        cuda::channel_sums(tensor_of(dy), pointer_to(d_bias));
    });
}

Status CudaBackend::do_flatten(const View& x, const View& y) noexcept {
    return guarded([&] { cuda::for_each(x.shape.size(), Flatten{tensor_of(x), tensor_of(y)}); });
}

Status CudaBackend::do_flatten_grad(const View& dy, bool accumulate, const View& dx) noexcept {
    return guarded([&] {
        cuda::for_each(dx.shape.size(), FlattenGradient{tensor_of(dy), accumulate, tensor_of(dx)});
    });
}

}  // namespace regkit
