// Training: forward with the batch's own moments, the fused tail with the loss, backward.
#include <cmath>

#include "base/error.hpp"
#include "nn/network_impl.hpp"

namespace regkit {
namespace {

// Places in Training::up_norm.
struct UpNormPlaces {
    Range input_mean, input_covariance, weight, bias, d_weight, d_bias;
    std::int64_t total = 0;

    UpNormPlaces(std::int64_t in, std::int64_t out, std::int64_t stride) {
        const auto place = [this](std::int64_t count) {
            const Range range{total, count};
            total += count;
            return range;
        };
        weight = place(in * out * stride);
        d_weight = place(in * out * stride);
        input_covariance = place(in * in);
        input_mean = place(in);
        bias = place(out);
        d_bias = place(out);
    }
};

}  // namespace

View Network::Impl::view(const Buffer& buffer, int index, const Codes& codes) const {
    return buffer.view(codes.batch, codes.length / node(index).scale);
}

// Whether the layer's value before norm, ReLU and dropout is needed in the backward pass. Of a ReLU alone the
// output tells as much.
bool Network::Impl::keeps_before(int index) const {
    const LayerSpec& l = layer(index);
    const bool drops = l.dropout && spec.dropout > 0;
    return l.norm || drops || (l.type == LayerType::add && l.relu);
}

Dropout Network::Impl::dropout(int index, const TrainStep& how) const {
    Dropout d;
    if (!layer(index).dropout) return d;
    d.rate = static_cast<float>(spec.dropout * static_cast<double>(how.dropout_scale));
    d.seed = how.seed;
    d.step = how.step;
    d.layer = static_cast<std::uint32_t>(index);
    d.interleave = plan.interleave[static_cast<std::size_t>(index)];
    return d;
}

Norm Network::Impl::batch_norm(int index) const {
    const LayerParameters& at = layout.layer(index);
    return {slice(training.moments, at.running_mean), slice(training.moments, at.running_var),
            slice(parameters, at.gamma), slice(parameters, at.beta), static_cast<float>(spec.norm_eps)};
}

void Network::Impl::make_layer(int index, const Capacity& capacity) {
    const Node& n = node(index);
    const auto i = static_cast<std::size_t>(index);
    const Shape shape{capacity.batch, n.channels, capacity.length / n.scale};
    Layer& l = state(index);
    if (keeps_before(index)) l.before = backend.alloc(shape);
    l.output = backend.alloc(shape, plan.halo[i]);
    l.gradient = backend.alloc(shape, plan.gradient_halo[i]);
}

void Network::Impl::prepare_training(const Codes& codes) {
    if (!gradients) gradients = backend.alloc_flat(layout.parameter_count());
    if (!training.scalars) training.scalars = backend.alloc_flat(2);
    if (!training.moments && statistics) training.moments = backend.alloc_flat(layout.statistic_count());
    const int up = plan.tail.up;
    if (!training.up_norm && up >= 0 && layer(up).norm)
        training.up_norm =
            backend.alloc_flat(UpNormPlaces(node(up).channels_in, node(up).channels, plan.tail.stride).total);
    training.capacity.grow(codes, [&](const Capacity& capacity) {
        training.layers.clear();  // first give back, then take
        training.layers.resize(spec.layers.size());
        for (const int index : plan.trunk) make_layer(index, capacity);
    });
    backend.fill(gradients.slice(), 0);
    backend.fill(training.scalars.slice(), 0);
    for (Layer& l : training.layers) l.written = false;
}

void Network::Impl::forward_layer(int index, const Codes& codes, const TrainStep& how) {
    const LayerSpec& l = layer(index);
    const Node& n = node(index);
    const LayerParameters& at = layout.layer(index);
    const Slice weight = slice(parameters, at.weight), bias = slice(parameters, at.bias);
    Layer& s = state(index);
    const bool separate = keeps_before(index);
    const bool relu = l.relu && !separate;
    const View y = view(separate ? s.before : s.output, index, codes);
    const int input = n.inputs[0];
    const auto x = [&](int from) { return view(state(from).output, from, codes); };
    switch (l.type) {
        case LayerType::conv:
            if (is_embedding(input))
                backend.sequence_conv(codes, slice(parameters, layout.layer(input).weight), weight, bias,
                                      n.geometry, relu, y);
            else
                backend.conv(x(input), weight, bias, n.geometry, relu, y);
            break;
        case LayerType::dense:
            backend.conv(x(input), weight, bias, ConvGeometry{}, relu, y);
            break;
        case LayerType::up_conv:
            backend.up_conv(x(input), weight, bias, l.stride, relu, y);
            break;
        case LayerType::pool:
            backend.pool(x(input), n.pool(), y);
            break;
        case LayerType::add:
            backend.norm_act(x(input), nullptr, false, {}, y);  // copies
            for (std::size_t i = 1; i < n.inputs.size(); ++i) backend.add(x(n.inputs[i]), y);
            break;
        case LayerType::embedding:
        case LayerType::one_hot:
        case LayerType::lstm:
        case LayerType::concat:
            break;
    }
    if (!separate) return;
    const Norm norm = batch_norm(index);
    if (l.norm) backend.moments(y, norm.mean, norm.var);
    backend.norm_act(y, l.norm ? &norm : nullptr, l.relu, dropout(index, how), view(s.output, index, codes));
}

// Adds `from` to the gradient of layer `to`, or begins it.
void Network::Impl::copy_or_add(const View& from, int to, const Codes& codes) {
    const View dx = view(state(to).gradient, to, codes);
    if (state(to).written)
        backend.add(from, dx);
    else
        backend.norm_act(from, nullptr, false, {}, dx);
}

// Gradients of the layer's parameters and of its inputs, from `dy` of its value before activation.
void Network::Impl::backward_input(int index, const Codes& codes, const View& dy) {
    const LayerSpec& l = layer(index);
    const Node& n = node(index);
    const LayerParameters& at = layout.layer(index);
    const Slice weight = slice(parameters, at.weight);
    const Slice d_weight = slice(gradients, at.weight), d_bias = slice(gradients, at.bias);
    const int input = n.inputs[0];
    if (l.type == LayerType::conv && is_embedding(input)) {
        const Range embedding = layout.layer(input).weight;
        backend.sequence_conv_grad(codes, dy, slice(parameters, embedding), weight, n.geometry,
                                   slice(gradients, embedding), d_weight, d_bias);
        return;
    }
    const View x = view(state(input).output, input, codes), dx = view(state(input).gradient, input, codes);
    const bool accumulate = state(input).written;
    switch (l.type) {
        case LayerType::conv:
        case LayerType::dense:
            backend.conv_grad_weight(x, dy, n.geometry, d_weight, d_bias);
            backend.conv_grad_input(dy, weight, n.geometry, accumulate, dx);
            break;
        case LayerType::up_conv:
            backend.up_conv_grad_weight(x, dy, l.stride, d_weight, d_bias);
            backend.up_conv_grad_input(dy, weight, l.stride, accumulate, dx);
            break;
        case LayerType::pool:
            backend.pool_grad(x, dy, n.pool(), accumulate, dx);
            break;
        case LayerType::add:
            for (const int from : n.inputs) copy_or_add(dy, from, codes);
            break;
        case LayerType::embedding:
        case LayerType::one_hot:
        case LayerType::lstm:
        case LayerType::concat:
            break;
    }
    for (const int from : n.inputs) state(from).written = true;
}

void Network::Impl::backward_layer(int index, const Codes& codes, const TrainStep& how) {
    const LayerSpec& l = layer(index);
    const LayerParameters& at = layout.layer(index);
    Layer& s = state(index);
    const View dy = view(s.gradient, index, codes);
    if (keeps_before(index)) {
        const Norm norm = batch_norm(index);
        backend.norm_act_grad(view(s.before, index, codes), dy, l.norm ? &norm : nullptr, l.relu,
                              dropout(index, how), dy, slice(gradients, at.gamma), slice(gradients, at.beta));
    } else if (l.relu) {
        backend.norm_act_grad(view(s.output, index, codes), dy, nullptr, true, {}, dy, {}, {});
    }
    backward_input(index, codes, dy);
}

void Network::Impl::train_tail(const Codes& codes, const Labels& labels, const TrainStep& how) {
    const int up = plan.tail.up;
    const bool folds = up >= 0 && layer(up).norm;
    Tail t = tail(parameters);
    TailGradient gradient;
    if (t.has_up()) {
        t.up.dropout = dropout(up, how);
        gradient.up_weight = slice(gradients, layout.layer(up).weight);
        gradient.up_bias = slice(gradients, layout.layer(up).bias);
    }
    for (std::size_t i = 0; i < plan.tail.dense.size(); ++i) {
        const LayerParameters& at = layout.layer(plan.tail.dense[i]);
        t.dense[i].dropout = dropout(plan.tail.dense[i], how);
        gradient.dense_weight[i] = slice(gradients, at.weight);
        gradient.dense_bias[i] = slice(gradients, at.bias);
    }
    const View h = view(state(plan.tail.input).output, plan.tail.input, codes);
    const View dh = view(state(plan.tail.input).gradient, plan.tail.input, codes);
    const double outputs = static_cast<double>(codes.batch) * static_cast<double>(codes.length) * markers;
    const TailLoss loss{static_cast<float>(spec.heads[0].weight / outputs), how.pos_weight};
    const Slice sum = training.scalars.slice(0, 1);
    if (!folds) {
        backend.tail_train(h, t, labels, loss, sum, gradient, false, dh);
    } else {
        const LayerParameters& at = layout.layer(up);
        const Norm norm = batch_norm(up);
        const UpNormPlaces places(t.up.in, t.up.out, t.stride);
        const UpNorm fold{t.up.weight, t.up.bias, norm.gamma, norm.beta,
                          t.up.in,     t.up.out,  t.stride,   norm.eps};
        const UpNormState batch{slice(training.up_norm, places.input_mean),
                                slice(training.up_norm, places.input_covariance), norm.mean, norm.var};
        t.up.weight = slice(training.up_norm, places.weight);
        t.up.bias = slice(training.up_norm, places.bias);
        gradient.up_weight = slice(training.up_norm, places.d_weight);
        gradient.up_bias = slice(training.up_norm, places.d_bias);
        backend.fold_up_norm(h, fold, batch, t.up.weight, t.up.bias);
        backend.fill(gradient.up_weight, 0);
        backend.fill(gradient.up_bias, 0);
        backend.tail_train(h, t, labels, loss, sum, gradient, false, dh);
        backend.fold_up_norm_grad(h, fold, batch, gradient.up_weight, gradient.up_bias,
                                  slice(gradients, at.weight), slice(gradients, at.bias),
                                  slice(gradients, at.gamma), slice(gradients, at.beta), dh);
    }
    state(plan.tail.input).written = true;
}

void Network::Impl::update_running(const Codes& codes) {
    for (int index = 0; index < static_cast<int>(spec.layers.size()); ++index) {
        if (!layer(index).norm) continue;
        const LayerParameters& at = layout.layer(index);
        backend.update_running(
            slice(training.moments, at.running_mean), slice(training.moments, at.running_var),
            codes.batch * (codes.length / node(index).scale), static_cast<float>(spec.norm_momentum),
            slice(statistics, at.running_mean), slice(statistics, at.running_var));
    }
    inference.current = false;
}

StepResult Network::Impl::forward_backward(const Codes& codes, const Labels& labels, const TrainStep& how) {
    check_window(codes);
    prepare_training(codes);
    for (const int index : plan.trunk) forward_layer(index, codes, how);
    train_tail(codes, labels, how);
    for (auto index = plan.trunk.rbegin(); index != plan.trunk.rend(); ++index)
        backward_layer(*index, codes, how);
    backend.grad_norm(gradients.slice(), training.scalars.slice(1, 1));
    double scalars[2];
    backend.read(training.scalars.slice(), std::span<double>(scalars));
    const StepResult result{scalars[0], scalars[1]};
    if (result.finite()) update_running(codes);
    return result;
}

void Network::Impl::need_optimiser() {
    if (!adam_m) adam_m = backend.alloc_flat(layout.parameter_count());
    if (!adam_v) adam_v = backend.alloc_flat(layout.parameter_count());
}

void Network::Impl::apply_adam(const AdamStep& how) {
    require(bool(training.scalars), ErrorKind::usage, "apply_adam: there is no gradient yet");
    need_optimiser();
    backend.adam(parameters.slice(), gradients.slice(), adam_m.slice(), adam_v.slice(), how,
                 training.scalars.slice(1, 1));
    inference.current = false;
}

}  // namespace regkit
