// A thread computes four channels at one position of a convolution, or of the gradient of its input; the
// weights, the same for all threads of a block, pass through shared memory. For the gradient of the weights a
// thread has one weight and goes over all samples and positions, in partial sums short enough for fp32.
#include "kernels/cuda/conv/plain.hpp"

namespace regkit::cuda {

namespace {

constexpr int kPositions = 64;  // threads of a block, one position each
constexpr int kChannels = 4;    // channels that a thread computes
constexpr int kDepth = 32;      // products of a sum whose weights are staged in shared memory at a time
constexpr int kWarp = 32;

// sum[c] += weight(k, c) * value(k) for k in [0, depth), in that order. The weights are the same for every
// thread of the block and pass through shared memory. Threads that are not active only help to stage.
template <typename Weight, typename Value>
__device__ void sum_products(float (*staged)[kChannels], std::int64_t depth, bool active, Weight weight,
                             Value value, float* sum) {
    for (std::int64_t begin = 0; begin < depth; begin += kDepth) {
        const int steps = static_cast<int>(depth - begin < kDepth ? depth - begin : kDepth);
        for (int s = static_cast<int>(threadIdx.x); s < steps * kChannels; s += kPositions)
            staged[s / kChannels][s % kChannels] = weight(begin + s / kChannels, s % kChannels);
        __syncthreads();
        for (int k = 0; active && k < steps; ++k) {
            const float factor = value(begin + k);
            for (int c = 0; c < kChannels; ++c) sum[c] = fmaf(staged[k][c], factor, sum[c]);
        }
        __syncthreads();  // nobody stages the next weights while another still reads these
    }
}

__global__ void conv_forward_kernel(ConvProblem g, const float* x, const float* weight, const float* bias,
                                    bool relu, float* y) {
    __shared__ float staged[kDepth][kChannels];
    const std::int64_t p = std::int64_t{blockIdx.x} * kPositions + threadIdx.x;
    const bool active = p < g.out_length;
    const std::int64_t depth = g.in * g.width;
    for (std::int64_t n = blockIdx.z; n < g.batch; n += gridDim.z)
        for (std::int64_t first = std::int64_t{blockIdx.y} * kChannels; first < g.out;
             first += std::int64_t{gridDim.y} * kChannels) {
            float sum[kChannels] = {};
            sum_products(
                staged, depth, active,
                [&](std::int64_t k, int c) {
                    return first + c < g.out ? weight[(first + c) * depth + k] : 0.0f;
                },
                [&](std::int64_t k) {
                    const std::int64_t q = p * g.stride + k % g.width * g.dilation - g.pad_left;
                    return q >= 0 && q < g.in_length ? x[(n * g.in + k / g.width) * g.in_length + q] : 0.0f;
                },
                sum);
            for (int c = 0; active && c < kChannels && first + c < g.out; ++c) {
                const float value = sum[c] + (bias ? bias[first + c] : 0.0f);
                y[(n * g.out + first + c) * g.out_length + p] =
                    relu && value <= 0 ? 0.0f : value;  // NaN stays NaN
            }
        }
}

// The same sum from the other side: input position q gathers from the outputs that read it.
__global__ void conv_grad_input_kernel(ConvProblem g, const float* dy, const float* weight, bool accumulate,
                                       float* dx) {
    __shared__ float staged[kDepth][kChannels];
    const std::int64_t q = std::int64_t{blockIdx.x} * kPositions + threadIdx.x;
    const bool active = q < g.in_length;
    for (std::int64_t n = blockIdx.z; n < g.batch; n += gridDim.z)
        for (std::int64_t first = std::int64_t{blockIdx.y} * kChannels; first < g.in;
             first += std::int64_t{gridDim.y} * kChannels) {
            float sum[kChannels] = {};
            sum_products(
                staged, g.out * g.width, active,
                [&](std::int64_t k, int c) {
                    const std::int64_t o = k / g.width, t = k % g.width;
                    return first + c < g.in ? weight[(o * g.in + first + c) * g.width + t] : 0.0f;
                },
                [&](std::int64_t k) {
                    const std::int64_t o = k / g.width, t = k % g.width;
                    const std::int64_t from_start = q + g.pad_left - t * g.dilation;  // = p * stride
                    const std::int64_t p = from_start / g.stride;
                    const bool reads = from_start >= 0 && from_start % g.stride == 0 && p < g.out_length;
                    return reads ? dy[(n * g.out + o) * g.out_length + p] : 0.0f;
                },
                sum);
            for (int c = 0; active && c < kChannels && first + c < g.in; ++c) {
                float& target = dx[(n * g.in + first + c) * g.in_length + q];
                target = accumulate ? target + sum[c] : sum[c];
            }
        }
}

// One thread a weight; the gradients of one output channel pass through shared memory. Partial sums of
// kPositions products keep the chain short enough for fp32.
__global__ void conv_grad_weight_kernel(ConvProblem g, const float* x, const float* dy, float* d_weight) {
    __shared__ float staged[kPositions];
    const std::int64_t depth = g.in * g.width;
    const std::int64_t k = std::int64_t{blockIdx.x} * kPositions + threadIdx.x;
    const bool active = k < depth;
    const std::int64_t shift = k % g.width * g.dilation - g.pad_left;
    for (std::int64_t o = blockIdx.y; o < g.out; o += gridDim.y) {
        float total = 0;
        for (std::int64_t n = 0; n < g.batch; ++n) {
            const float* row = x + (n * g.in + (active ? k / g.width : 0)) * g.in_length;
            for (std::int64_t begin = 0; begin < g.out_length; begin += kPositions) {
                const std::int64_t mine = begin + threadIdx.x;
                staged[threadIdx.x] = mine < g.out_length ? dy[(n * g.out + o) * g.out_length + mine] : 0.0f;
                __syncthreads();
                float part = 0;
                for (int j = 0; active && j < kPositions; ++j) {
                    const std::int64_t q = (begin + j) * g.stride + shift;
                    if (q >= 0 && q < g.in_length) part = fmaf(staged[j], row[q], part);
                }
                total += part;
                __syncthreads();
            }
        }
        if (active) d_weight[o * depth + k] += total;
    }
}

// d_bias[o] += sum of channel o: a block a channel, a warp at a time by shuffles.
__global__ void channel_sum_kernel(Tensor dy, float* d_bias) {
    __shared__ float warps[kPositions / kWarp];
    const int thread = static_cast<int>(threadIdx.x);
    for (std::int64_t o = blockIdx.x; o < dy.channels; o += gridDim.x) {
        float sum = 0;
        for (std::int64_t n = 0; n < dy.batch; ++n)
            for (std::int64_t p = thread; p < dy.length; p += kPositions) sum += dy.at(n, o, p);
        for (unsigned distance = kWarp / 2; distance > 0; distance /= 2)
            sum += __shfl_down_sync(0xFFFFFFFFu, sum, distance);
        if (thread % kWarp == 0) warps[thread / kWarp] = sum;
        __syncthreads();
        if (thread == 0) {
            float total = 0;
            for (int w = 0; w < kPositions / kWarp; ++w) total += warps[w];
            d_bias[o] += total;
        }
        __syncthreads();
    }
}

}  // namespace

void conv_forward(const ConvProblem& g, const float* x, const float* weight, const float* bias, bool relu,
                  float* y) {
    const dim3 grid(blocks_for(g.out_length, kPositions), at_most_rounds(blocks_for(g.out, kChannels)),
                    at_most_rounds(g.batch));
    launch(conv_forward_kernel, grid, dim3(kPositions), g, x, weight, bias, relu, y);
}

void conv_grad_input(const ConvProblem& g, const float* dy, const float* weight, bool accumulate, float* dx) {
    const dim3 grid(blocks_for(g.in_length, kPositions), at_most_rounds(blocks_for(g.in, kChannels)),
                    at_most_rounds(g.batch));
    launch(conv_grad_input_kernel, grid, dim3(kPositions), g, dy, weight, accumulate, dx);
}

void conv_grad_weight(const ConvProblem& g, const float* x, const float* dy, float* d_weight, float* d_bias) {
    const dim3 grid(blocks_for(g.in * g.width, kPositions), at_most_rounds(g.out));
    launch(conv_grad_weight_kernel, grid, dim3(kPositions), g, x, dy, d_weight);
    // Kernels only read here.
    channel_sums({const_cast<float*>(dy), g.batch, g.out, g.out_length}, d_bias);
}

void channel_sums(const Tensor& dy, float* d_bias) {
    if (d_bias) launch(channel_sum_kernel, dim3(at_most_rounds(dy.channels)), dim3(kPositions), dy, d_bias);
}

}  // namespace regkit::cuda
