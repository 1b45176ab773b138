// The first layer: codes in host memory, one byte a base.
#include "kernels/cuda/backend_impl.hpp"
#include "kernels/cuda/conv/plain.hpp"
#include "kernels/cuda/sums.hpp"

namespace regkit {

using cuda::Place;
using cuda::pointer_to;
using cuda::Scratch;
using cuda::Tensor;
using cuda::tensor_of;

namespace {

struct Sequence {
    const std::uint8_t* codes;  // [batch][length]
    std::int64_t batch, length;
    const float* embedding;  // [kSymbols][dim]
    std::int64_t dim;

    // The symbol, or -1 outside the window.
    __device__ int symbol(std::int64_t sample, std::int64_t position) const {
        return position >= 0 && position < length ? codes[sample * length + position] : -1;
    }
    __device__ float value(int symbol, std::int64_t i) const { return embedding[symbol * dim + i]; }
};

struct Window {
    std::int64_t width, stride, dilation, pad_left;
    __device__ std::int64_t input(std::int64_t output, std::int64_t tap) const {
        return output * stride + tap * dilation - pad_left;
    }
};

struct Forward {
    Sequence sequence;
    Window window;
    const float* weight;
    const float* bias;
    bool relu;
    Tensor y;
    __device__ void operator()(std::int64_t index) const {
        const Place at = y.place(index);
        float sum = bias ? bias[at.channel] : 0.0f;
        for (std::int64_t t = 0; t < window.width; ++t) {
            const int symbol = sequence.symbol(at.sample, window.input(at.position, t));
            if (symbol < 0) continue;
            for (std::int64_t i = 0; i < sequence.dim; ++i)
                sum = fmaf(weight[(at.channel * sequence.dim + i) * window.width + t],
                           sequence.value(symbol, i), sum);
        }
        y.data[index] = relu ? cuda::relu_of(sum) : sum;
    }
};

struct WeightGradient {
    Sequence sequence;
    Window window;
    Tensor dy;
    float* d_weight;
    // Weight [out][dim][width]; a term is an output position of a sample.
    __device__ double term(std::int64_t weight, std::int64_t output) const {
        const std::int64_t t = weight % window.width, i = weight / window.width % sequence.dim;
        const std::int64_t sample = output / dy.length, p = output % dy.length;
        const int symbol = sequence.symbol(sample, window.input(p, t));
        if (symbol < 0) return 0;
        const double d = dy.at(sample, weight / window.width / sequence.dim, p);
        return d * sequence.value(symbol, i);
    }
    __device__ void store(std::int64_t weight, double total) const {
        d_weight[weight] += static_cast<float>(total);
    }
};

struct EmbeddingGradient {
    Sequence sequence;
    Window window;
    const float* weight;
    Tensor dy;
    float* d_embedding;
    // An entry [symbol][dim]; a term is an input position of a sample, and all outputs that read it.
    __device__ double term(std::int64_t entry, std::int64_t input) const {
        const std::int64_t sample = input / sequence.length, q = input % sequence.length;
        if (sequence.symbol(sample, q) != entry / sequence.dim) return 0;
        const std::int64_t i = entry % sequence.dim;
        float sum = 0;
        for (std::int64_t t = 0; t < window.width; ++t) {
            const std::int64_t from_start = q + window.pad_left - t * window.dilation;  // = p * stride
            if (from_start < 0 || from_start % window.stride != 0) continue;
            const std::int64_t p = from_start / window.stride;
            if (p >= dy.length) continue;
            for (std::int64_t o = 0; o < dy.channels; ++o)
                sum = fmaf(dy.at(sample, o, p), weight[(o * sequence.dim + i) * window.width + t], sum);
        }
        return sum;
    }
    __device__ void store(std::int64_t entry, double total) const {
        d_embedding[entry] += static_cast<float>(total);
    }
};

struct EmbedAt {
    Sequence sequence;
    Tensor y;
    __device__ void operator()(std::int64_t index) const {
        const Place at = y.place(index);
        y.data[index] = sequence.value(sequence.symbol(at.sample, at.position), at.channel);
    }
};

Sequence upload(const Codes& codes, const Slice& embedding, Scratch& scratch) {
    return {scratch.upload(Scratch::kCodes, codes.data, codes.batch * codes.length), codes.batch,
            codes.length, pointer_to(embedding), embedding.count / kSymbols};
}

Window window_of(const ConvGeometry& g) {
    return {g.width, g.stride, g.dilation, g.pad_left};
}

}  // namespace

Status CudaBackend::run(const SequenceConv& op) noexcept {
    return guarded([&] {
        const Tensor y = tensor_of(op.y);
        cuda::for_each(y.size(), Forward{upload(op.codes, op.embedding, scratch_), window_of(op.geometry),
                                         pointer_to(op.weight), pointer_to(op.bias), op.relu, y});
    });
}

Status CudaBackend::run(const SequenceConvGrad& op) noexcept {
    return guarded([&] {
        const Tensor dy = tensor_of(op.dy);
        const Sequence sequence = upload(op.codes, op.embedding, scratch_);
        const Window window = window_of(op.geometry);
        cuda::sum_each(op.d_weight.count, dy.batch * dy.length,
                       WeightGradient{sequence, window, dy, pointer_to(op.d_weight)});
        cuda::sum_each(
            op.d_embedding.count, op.codes.batch * op.codes.length,
            EmbeddingGradient{sequence, window, pointer_to(op.weight), dy, pointer_to(op.d_embedding)});
        cuda::channel_sums(dy, pointer_to(op.d_bias));
    });
}

Status CudaBackend::run(const Embed& op) noexcept {
    return guarded([&] {
        const Tensor y = tensor_of(op.y);
        cuda::for_each(y.size(), EmbedAt{upload(op.codes, op.embedding, scratch_), y});
    });
}

}  // namespace regkit
