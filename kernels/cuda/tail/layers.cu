// A piece of the batch is copied out, taken through the layers one kernel each, and in training back again;
// the values of every level stay in memory for the gradients. Pieces are cut so that their logits should stay
// in the second cache. A positive output passed its ReLU and was not dropped, so no mask is kept.
#include <algorithm>

#include "kernels/cuda/conv/plain.hpp"
#include "kernels/cuda/dropout_factor.hpp"
#include "kernels/cuda/tail/layers.hpp"
#include "kernels/cuda/up_conv/plain.hpp"

namespace regkit::cuda {

namespace {

// A piece's logits should stay in the device's second cache.
constexpr std::int64_t kMostValues = 1 << 22;
constexpr std::int64_t kMostOutputPositions = 4096;

constexpr ConvGeometry kPointwise{1, 1, 1, 0, 0};

struct CopyPiece {
    Tensor from, to;
    std::int64_t first_sample, begin;
    __device__ void operator()(std::int64_t i) const {
        const Place at = to.place(i);
        to.data[i] = from.at(first_sample + at.sample, at.channel, begin + at.position);
    }
};

struct ReturnPiece {
    Tensor from, to;
    std::int64_t first_sample, begin;
    bool accumulate;
    __device__ void operator()(std::int64_t i) const {
        const Place at = from.place(i);
        float& target = to.at(first_sample + at.sample, at.channel, begin + at.position);
        target = accumulate ? target + from.data[i] : from.data[i];
    }
};

struct Drop {
    Tensor values;
    DropoutFactor dropout;
    __device__ void operator()(std::int64_t i) const { values.data[i] *= dropout(values.place(i)); }
};

// A positive output passed the ReLU and survived dropout.
struct ActivationGradient {
    Tensor values;
    DropoutFactor dropout;
    float* gradient;
    __device__ void operator()(std::int64_t i) const {
        gradient[i] = values.data[i] > 0 ? gradient[i] * dropout(values.place(i)) : 0.0f;
    }
};

}  // namespace

void TailLayers::add_layer(const TailLayer& spec, const Slice& d_weight, const Slice& d_bias, bool is_up) {
    layers_[depth_++] = {&spec, d_weight, d_bias, is_up};
}

TailLayers::TailLayers(const Tail& tail, const TailGradient* gradient, Scratch& scratch)
    : stride_(tail.stride), training_(gradient != nullptr) {
    const TailGradient none;
    const TailGradient& g = gradient ? *gradient : none;
    if (tail.has_up()) add_layer(tail.up, g.up_weight, g.up_bias, true);
    for (int i = 0; i < tail.depth; ++i) add_layer(tail.dense[i], g.dense_weight[i], g.dense_bias[i], false);

    // Values of a coarse position at every level.
    std::int64_t sizes[kMostLayers + 1] = {tail.inputs()};
    for (int k = 0; k < depth_; ++k) sizes[k + 1] = std::int64_t{layers_[k].spec->out} * stride_;
    const std::int64_t widest = *std::max_element(sizes, sizes + depth_ + 1);
    most_positions_ =
        std::max<std::int64_t>(1, std::min(kMostOutputPositions / stride_, kMostValues / widest));

    std::int64_t total = 0;
    for (int k = 0; k <= depth_; ++k) total += sizes[k] * most_positions_;
    float* next = scratch.get<float>(Scratch::kActivations, training_ ? 2 * total : total);
    for (int k = 0; k <= depth_; ++k) {
        values_[k] = next;
        next += sizes[k] * most_positions_;
    }
    if (!training_) return;
    for (int k = 0; k < depth_; ++k) {
        gradients_[k] = next;
        next += sizes[k] * most_positions_;
    }
    gradients_[depth_] = values_[depth_];
}

Tensor TailLayers::level(float* memory, int number, const Piece& piece) const {
    if (number == 0) return {memory, piece.samples, layers_[0].spec->in, piece.positions()};
    return {memory, piece.samples, layers_[number - 1].spec->out, piece.positions() * stride_};
}

Tensor TailLayers::forward(const Tensor& h, const Piece& piece) {
    const Tensor input = level(values_[0], 0, piece);
    for_each(input.size(), CopyPiece{h, input, piece.first_sample, piece.begin});
    for (int k = 0; k < depth_; ++k) {
        const Layer& layer = layers_[k];
        const bool is_last = k + 1 == depth_;
        const Tensor x = level(values_[k], k, piece), y = level(values_[k + 1], k + 1, piece);
        const float* const weight = pointer_to(layer.spec->weight);
        const float* const bias = pointer_to(layer.spec->bias);
        if (layer.is_up)
            up_conv_forward(x, weight, bias, stride_, true, y);
        else
            conv_forward(problem_of(x, y, kPointwise), x.data, weight, bias, !is_last, y.data);
        const Dropout dropout = dropout_of(layer);
        if (!is_last && dropout.rate > 0)
            for_each(y.size(), Drop{y, DropoutFactor(dropout, piece.first_sample, piece.begin * stride_)});
    }
    return level(values_[depth_], depth_, piece);
}

void TailLayers::backward(const Tensor& dh, const Piece& piece, bool accumulate) {
    for (int k = depth_; k-- > 0;) {
        const Layer& layer = layers_[k];
        const Tensor x = level(values_[k], k, piece), y = level(values_[k + 1], k + 1, piece);
        const Tensor dx = level(gradients_[k], k, piece), dy = level(gradients_[k + 1], k + 1, piece);
        if (k + 1 < depth_) {
            const DropoutFactor dropout(dropout_of(layer), piece.first_sample, piece.begin * stride_);
            for_each(y.size(), ActivationGradient{y, dropout, dy.data});
        }
        const float* const weight = pointer_to(layer.spec->weight);
        float* const d_weight = pointer_to(layer.d_weight);
        float* const d_bias = pointer_to(layer.d_bias);
        if (layer.is_up) {
            up_conv_grad_weight(x, dy, stride_, d_weight, d_bias);
            up_conv_grad_input(dy, weight, stride_, false, dx);
        } else {
            const ConvProblem problem = problem_of(x, dy, kPointwise);
            conv_grad_weight(problem, x.data, dy.data, d_weight, d_bias);
            conv_grad_input(problem, dy.data, weight, false, dx.data);
        }
    }
    const Tensor input = level(gradients_[0], 0, piece);
    for_each(input.size(), ReturnPiece{input, dh, piece.first_sample, piece.begin, accumulate});
}

}  // namespace regkit::cuda
