// The kernels beside cuBLASLt's: weights are rounded to bf16, filled like the biases with zeroes up to the
// padded sizes, and a chunk is taken through its layers, one product each. Every product gets its plan once,
// when it is first met. Columns whose input is NaN are made NaN again before the last layer, since cuBLASLt
// does not say what its ReLU makes of it.
#include <algorithm>
#include <cmath>

#include "kernels/base/arithmetic.hpp"
#include "kernels/cuda/tail/cublaslt_layers.hpp"

namespace regkit::cuda::cublaslt {

namespace {

static_assert(kChannelUnit == kRowUnit);  // the tail's input comes as rows

// [phases * out][in] of a dense layer [out][in] or an up-convolution [in][out][phases]; zero beyond the
// layer's own channels.
struct PackWeights {
    const float* from;
    Layer layer;
    int own_in, own_out;
    Bf16* to;
    __device__ void operator()(std::int64_t index) const {
        const std::int64_t i = index % layer.in, row = index / layer.in;
        const std::int64_t o = row % layer.out, phase = row / layer.out;
        float value = 0;
        if (i < own_in && o < own_out)
            value = layer.is_up ? from[(i * own_out + o) * layer.phases + phase] : from[o * own_in + i];
        to[index] = to_bf16(value);
    }
};

__device__ float bias_at(const float* bias, std::int64_t output, int padded_out, int own_out) {
    const std::int64_t o = output % padded_out;
    return bias && o < own_out ? bias[o] : 0.0f;
}

struct PackBias {
    const float* from;
    int out, own_out;
    Bf16* to;
    __device__ void operator()(std::int64_t i) const { to[i] = to_bf16(bias_at(from, i, out, own_out)); }
};

// Where an input of the column is NaN, so become the column's outputs of the last hidden layer: cuBLASLt does
// not say what its ReLU makes of it. What becomes NaN in a hidden layer (of weights or infinite sums) may
// still pass as 0.
struct PassNan {
    const Bf16* inputs;
    Bf16* outputs;
    std::int64_t in, out;  // of a column
    __device__ void operator()(std::int64_t column) const {
        bool is_nan = false;
        for (std::int64_t i = column * in; i < (column + 1) * in; ++i) {
            const float value = to_float(inputs[i]);
            is_nan = is_nan || value != value;
        }
        if (!is_nan) return;
        for (std::int64_t i = column * out; i < (column + 1) * out; ++i) outputs[i] = to_bf16(NAN);
    }
};

struct CopyBias {
    const float* from;
    int out, own_out;
    float* to;
    __device__ void operator()(std::int64_t i) const { to[i] = bias_at(from, i, out, own_out); }
};

}  // namespace

Layers::Layers(const Tail& tail, std::int64_t columns, Scratch& scratch) : Shapes(tail, columns) {
    weights_ = scratch.get<Bf16>(Scratch::kPackedWeights, Shapes::weights());
    const std::int64_t last_bias = round_up(padded_markers(), kAlignment);
    last_bias_ = scratch.get<float>(Scratch::kPackedBias, last_bias + biases());
    bias_ = reinterpret_cast<Bf16*>(last_bias_ + last_bias);
    for (int k = 0; k < depth(); ++k) {
        const Layer& layer = (*this)[k];
        const int own_in = layer.spec->in, own_out = layer.spec->out;
        for_each(
            std::int64_t{layer.outputs()} * layer.in,
            PackWeights{pointer_to(layer.spec->weight), layer, own_in, own_out, weights_ + layer.weights});
        const float* const from = pointer_to(layer.spec->bias);
        if (k < last())
            for_each(layer.outputs(), PackBias{from, layer.out, own_out, bias_ + layer.bias});
        else
            for_each(layer.out, CopyBias{from, layer.out, own_out, last_bias_});
    }
}

Plan* Multiplier::plan(const Product& product) {
    const auto known = std::ranges::find(known_, product, &Known::product);
    if (known != known_.end()) return known->plan.get();
    known_.push_back({product, engine_->plan(product)});
    return known_.back().plan.get();
}

void Multiplier::multiply(const Product& product, std::int64_t positions, Operands operands) {
    Plan& plan = *this->plan(product);
    operands.workspace = plan.workspace() > 0
                             ? scratch_.get<unsigned char>(Scratch::kCublasLtWorkspace, plan.workspace())
                             : nullptr;
    operands.stream = scratch_.stream().handle();
    if (!engine_->run(plan, positions, operands))
        throw Failure{Status::error(Status::Code::device_error, "cuBLASLt could not start a product")};
}

Chunk::Chunk(const Layers& layers, bool training, Multiplier& multiplier, Scratch& scratch)
    : layers_(layers), multiplier_(multiplier) {
    const std::int64_t positions = layers.pitch();
    std::int64_t values = 0;
    for (int k = 0; k < layers.last(); ++k) values += positions * layers[k].out;
    Bf16* next =
        scratch.get<Bf16>(Scratch::kTailRows, std::max<std::int64_t>(1, training ? 2 * values : values));
    for (int k = 0; k < layers.last(); ++k) {
        inputs_[k + 1] = outputs_[k] = next;
        if (training) gradients_[k] = next + values;
        next += positions * layers[k].out;
    }
    logits_ = scratch.get<float>(Scratch::kTailLogits, positions * layers.padded_markers());
    gradients_[layers.last()] = reinterpret_cast<Bf16*>(logits_);
    if (training)
        input_gradients_ = scratch.get<float>(Scratch::kTailInputGradient,
                                              layers.positions(0, layers.columns()) * layers[0].in);
}

void Chunk::forward(int k) {
    if (k > 0 && k == layers_.last()) {
        const std::int64_t outputs = layers_.positions(k - 1, 1) * layers_[k - 1].outputs();
        for_each(count_, PassNan{inputs_[0], outputs_[k - 1], layers_[0].in, outputs});
    }
    const Product product = layers_.forward(k, layers_.columns());
    if (k < layers_.last())
        multiplier_.multiply(product, positions(k),
                             {layers_.weights(k), inputs_[k], outputs_[k], const_cast<Bf16*>(layers_.bias(k)),
                              0, nullptr, nullptr});
    else
        multiplier_.multiply(product, positions(k),
                             {inputs_[k], layers_.weights(k), logits_, nullptr, 0, nullptr, nullptr});
}

}  // namespace regkit::cuda::cublaslt
