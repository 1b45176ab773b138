// The fused tail, one nucleotide at a time.
#include <cmath>
#include <vector>

#include "kernels/reference/access.hpp"
#include "kernels/reference/reference_backend.hpp"

namespace regkit {

using reference::Flat;
using reference::sigmoid;
using reference::softplus;
using reference::Tensor;

namespace {

using Values = std::vector<double>;

// The layers as one list: the up-convolution, if any, seen at one phase (nucleotide modulo stride) is a dense
// layer too.
struct Layer {
    const TailLayer* spec;
    Slice d_weight, d_bias;
    bool up;
    bool last;
};

struct Place {
    std::int64_t sample, position;  // nucleotide
};

std::vector<Layer> layers_of(const Tail& tail, const TailGradient& gradient) {
    std::vector<Layer> layers;
    if (tail.has_up()) layers.push_back({&tail.up, gradient.up_weight, gradient.up_bias, true, false});
    for (int i = 0; i < tail.depth; ++i)
        layers.push_back(
            {&tail.dense[i], gradient.dense_weight[i], gradient.dense_bias[i], false, i + 1 == tail.depth});
    return layers;
}

class ReferenceTail {
  public:
    ReferenceTail(const Tail& tail, const TailGradient& gradient, bool training)
        : layers_(layers_of(tail, gradient)), stride_(tail.stride), training_(training) {}

    // Inputs of every layer, then the logits.
    std::vector<Values> forward(const Tensor& h, Place at) const {
        std::vector<Values> values(1);
        for (std::int64_t c = 0; c < h.channels; ++c)
            values[0].push_back(h(at.sample, c, at.position / stride_));
        for (const Layer& layer : layers_) {
            const Flat weight(layer.spec->weight), bias(layer.spec->bias);
            Values outputs(static_cast<std::size_t>(layer.spec->out));
            for (int o = 0; o < layer.spec->out; ++o) {
                double sum = bias ? bias[o] : 0.0;
                for (int i = 0; i < layer.spec->in; ++i)
                    sum += weight[weight_index(layer, i, o, at)] * values.back()[static_cast<std::size_t>(i)];
                outputs[static_cast<std::size_t>(o)] =
                    layer.last ? sum : reference::relu(sum) * dropped(layer, o, at);
            }
            values.push_back(outputs);
        }
        return values;
    }

    // From d(loss)/d(logits) to the parameters' gradients (added) and that of the tail's input (returned).
    Values backward(const std::vector<Values>& values, Values d_outputs, Place at) const {
        for (std::size_t k = layers_.size(); k-- > 0;) {
            const Layer& layer = layers_[k];
            const Flat weight(layer.spec->weight), d_weight(layer.d_weight), d_bias(layer.d_bias);
            Values d_inputs(static_cast<std::size_t>(layer.spec->in), 0.0);
            for (int o = 0; o < layer.spec->out; ++o) {
                double d = d_outputs[static_cast<std::size_t>(o)];
                // A positive output passed the ReLU and survived dropout.
                if (!layer.last)
                    d *= values[k + 1][static_cast<std::size_t>(o)] > 0 ? dropped(layer, o, at) : 0.0;
                if (d_bias) d_bias[o] += d;
                for (int i = 0; i < layer.spec->in; ++i) {
                    const std::int64_t w = weight_index(layer, i, o, at);
                    d_weight[w] += d * values[k][static_cast<std::size_t>(i)];
                    d_inputs[static_cast<std::size_t>(i)] += d * weight[w];
                }
            }
            d_outputs = d_inputs;
        }
        return d_outputs;
    }

  private:
    std::int64_t weight_index(const Layer& layer, std::int64_t i, std::int64_t o, Place at) const {
        if (layer.up) return (i * layer.spec->out + o) * stride_ + at.position % stride_;
        return o * layer.spec->in + i;
    }
    double dropped(const Layer& layer, std::int64_t channel, Place at) const {
        return training_ ? reference::dropout_at(layer.spec->dropout, at.sample, channel, at.position) : 1.0;
    }

    std::vector<Layer> layers_;
    std::int64_t stride_;
    bool training_;
};

// The label of a marker at a place; none where it is absent.
const LabelRun* label_at(const Labels& labels, Place at, int marker) {
    for (std::int64_t r = labels.offsets[at.sample]; r < labels.offsets[at.sample + 1]; ++r) {
        const LabelRun& run = labels.runs[r];
        if (run.marker == marker && run.begin <= at.position && at.position < run.end) return &run;
    }
    return nullptr;
}

// Loss of one logit, and its derivative.
struct Loss {
    double value, gradient;
};

Loss cross_entropy(double z, bool present, double pos_weight) {
    if (present) return {pos_weight * softplus(-z), -pos_weight * sigmoid(-z)};
    return {softplus(z), sigmoid(z)};
}

// Below -30, where e^z is lost beside 1: softplus(z) = e^z - e^2z/2, so that its logarithm is z - e^z/2 and
// sigmoid / softplus is 1 - e^z/2, also where e^z underflows.
Loss poisson(double z, double y) {
    const bool far_below = z < -30;
    const double rate = softplus(z);
    const double log_rate = far_below ? z - std::exp(z) / 2 : std::log(rate);
    const double ratio = far_below ? 1 - std::exp(z) / 2 : sigmoid(z) / rate;
    return {rate - y * log_rate, sigmoid(z) - y * ratio};
}

double tail_output(double z, TailOutput kind) {
    switch (kind) {
        case TailOutput::logits:
            return z;
        case TailOutput::probabilities:
            return sigmoid(z);
        case TailOutput::rates:
            return softplus(z);
    }
    return z;
}

}  // namespace

Status ReferenceBackend::run(const TailInfer& op) noexcept {
    if (op.begin == op.end) return {};
    return reference::guarded([&] {
        const Tensor h(op.h);
        float* const out = op.out.data();
        const ReferenceTail layers(op.tail, {}, false);
        const std::int64_t length = (op.end - op.begin) * op.tail.stride;
        for (std::int64_t s = 0; s < h.batch; ++s)
            for (std::int64_t p = 0; p < length; ++p) {
                const Values logits = layers.forward(h, {s, op.begin * op.tail.stride + p}).back();
                for (int marker = 0; marker < op.tail.markers(); ++marker) {
                    const double z = logits[static_cast<std::size_t>(marker)];
                    out[(s * op.tail.markers() + marker) * length + p] =
                        static_cast<float>(tail_output(z, op.kind));
                }
            }
    });
}

Status ReferenceBackend::run(const TailTrain& op) noexcept {
    return reference::guarded([&] {
        const Tensor h(op.h), dh(op.dh);
        const Flat total(op.loss);
        const ReferenceTail layers(op.tail, op.gradient, true);
        const double scale = op.how.scale;
        if (!op.accumulate) dh.clear();
        for (std::int64_t s = 0; s < h.batch; ++s)
            for (std::int64_t p = 0; p < h.length * op.tail.stride; ++p) {
                const auto values = layers.forward(h, {s, p});
                Values d_logits;
                for (int marker = 0; marker < op.tail.markers(); ++marker) {
                    const double z = values.back()[static_cast<std::size_t>(marker)];
                    const LabelRun* const label = label_at(op.labels, {s, p}, marker);
                    const Loss part = op.how.kind == LossKind::poisson
                                          ? poisson(z, label ? static_cast<double>(label->value) : 0.0)
                                          : cross_entropy(z, label != nullptr, op.how.pos_weight);
                    total[0] += scale * part.value;
                    d_logits.push_back(scale * part.gradient);
                }
                const Values d_inputs = layers.backward(values, d_logits, {s, p});
                for (std::int64_t c = 0; c < h.channels; ++c)
                    dh(s, c, p / op.tail.stride) += d_inputs[static_cast<std::size_t>(c)];
            }
    });
}

}  // namespace regkit
