// Max-pool with its gradient, addition, concatenation.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/elements.hpp"

namespace regkit {

using cuda::Place;
using cuda::Tensor;
using cuda::tensor_of;

namespace {

struct Window {
    std::int64_t width, stride, dilation, pad_left;

    // Position of the first maximum of the window of output `p`, and NaN above all; -1 where it holds no
    // position of the row.
    __device__ std::int64_t first_maximum(const Tensor& x, const Place& row, std::int64_t p) const {
        std::int64_t best = -1;
        for (std::int64_t t = 0; t < width; ++t) {
            const std::int64_t q = p * stride + t * dilation - pad_left;
            if (!x.holds(q)) continue;
            const float value = x.at(row.sample, row.channel, q);
            if (best < 0 || value > x.at(row.sample, row.channel, best) || value != value) best = q;
        }
        return best;
    }
};

struct PoolAt {
    Tensor x, y;
    Window window;
    __device__ void operator()(std::int64_t i) const {
        const Place at = y.place(i);
        const std::int64_t best = window.first_maximum(x, at, at.position);
        y.data[i] = best >= 0 ? x.at(at.sample, at.channel, best) : 0.0f;
    }
};

// An input gathers from the outputs whose maximum it is.
struct PoolGradient {
    Tensor x, dy, dx;
    Window window;
    bool accumulate;
    __device__ void operator()(std::int64_t i) const {
        const Place at = dx.place(i);
        float sum = accumulate ? dx.data[i] : 0.0f;
        for (std::int64_t t = 0; t < window.width; ++t) {
            const std::int64_t from_start = at.position + window.pad_left - t * window.dilation;
            const std::int64_t p = from_start / window.stride;
            const bool reads = from_start >= 0 && from_start % window.stride == 0 && p < dy.length;
            if (reads && window.first_maximum(x, at, p) == at.position)
                sum += dy.at(at.sample, at.channel, p);
        }
        dx.data[i] = sum;
    }
};

struct AddAt {
    const float* x;
    float* y;
    __device__ void operator()(std::int64_t i) const { y[i] += x[i]; }
};

struct CopyChannelsAt {
    Tensor x, y;
    std::int64_t x_begin, y_begin, count;
    bool accumulate;
    __device__ void operator()(std::int64_t i) const {
        const Place at = Tensor{nullptr, x.batch, count, x.length}.place(i);
        const float value = x.at(at.sample, x_begin + at.channel, at.position);
        float& to = y.at(at.sample, y_begin + at.channel, at.position);
        to = accumulate ? to + value : value;
    }
};

Window window_of(const PoolGeometry& g) {
    return {g.width, g.stride, g.dilation, g.pad_left};
}

}  // namespace

Status CudaBackend::run(const Pool& op) noexcept {
    return guarded([&] {
        cuda::for_each(op.y.shape.size(), PoolAt{tensor_of(op.x), tensor_of(op.y), window_of(op.geometry)});
    });
}

Status CudaBackend::run(const PoolGrad& op) noexcept {
    return guarded([&] {
        cuda::for_each(op.dx.shape.size(), PoolGradient{tensor_of(op.x), tensor_of(op.dy), tensor_of(op.dx),
                                                        window_of(op.geometry), op.accumulate});
    });
}

Status CudaBackend::run(const Add& op) noexcept {
    return guarded([&] {
        cuda::for_each(op.y.shape.size(), AddAt{tensor_of(op.x).data, tensor_of(op.y).data});
    });
}

Status CudaBackend::run(const CopyChannels& op) noexcept {
    return guarded([&] {
        cuda::for_each(op.x.shape.batch * op.count * op.x.shape.length,
                       CopyChannelsAt{tensor_of(op.x), tensor_of(op.y), op.x_begin, op.y_begin, op.count,
                                      op.accumulate});
    });
}

}  // namespace regkit
