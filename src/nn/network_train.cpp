// Training: forward with the batch's own moments, the fused tail with the loss, backward.
#include <algorithm>
#include <cmath>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/network_impl.hpp"

namespace regkit {

// Whether the layer's value before norm, ReLU and dropout is needed in the backward pass. Of a ReLU alone the
// output tells as much.
bool Network::Impl::keeps_before(int index) const {
    const LayerSpec& l = layer(index);
    return l.norm || (l.dropout && spec.dropout > 0);
}

Dropout Network::Impl::dropout(int index, const TrainStep& how) const {
    Dropout d;
    if (!layer(index).dropout) return d;
    d.rate = static_cast<float>(spec.dropout * static_cast<double>(how.dropout_scale));
    d.seed = how.seed;
    d.step = how.step;
    d.layer = static_cast<std::uint32_t>(index);
    // Samples of a flat layer are the positions of its one row.
    (node(index).flat ? d.first : d.sample) = static_cast<std::uint32_t>(how.share.first);
    d.interleave = nth(plan.interleave, index);
    return d;
}

Norm Network::Impl::batch_norm(int index) const {
    const LayerParameters& at = layout.layer(index);
    return {slice(training.moments, at.running_mean), slice(training.moments, at.running_var),
            slice(parameters, at.gamma), slice(parameters, at.beta), static_cast<float>(spec.norm_eps)};
}

void Network::Impl::make_layer(int index, const Capacity& capacity) {
    const auto i = static_cast<std::size_t>(index);
    LayerState& l = state(index);
    if (keeps_before(index)) l.before = make_buffer(index, capacity, {});
    l.output = make_buffer(index, capacity, plan.halo[i]);
    if (!is_sequence(index)) l.gradient = make_buffer(index, capacity, plan.gradient_halo[i]);
    l.lstm = make_lstm(index, capacity, true);
}

void Network::Impl::prepare_training(const Codes& codes) {
    if (!gradients) gradients = backend.alloc_flat(layout.parameter_count());
    if (!training.scalars) training.scalars = backend.alloc_flat(2);
    if (!training.moments && statistics) training.moments = backend.alloc_flat(layout.statistic_count());
    training.capacity.grow(codes, [&](const Capacity& capacity) {
        training.layers.clear();  // first give back, then take
        training.tails.clear();
        training.layers.resize(spec.layers.size());
        training.tails.resize(plan.tails.size());
        for (const int index : plan.trunk) make_layer(index, capacity);
        for (std::size_t number = 0; number < plan.tails.size(); ++number) make_tail(number, capacity);
    });
    backend.fill(gradients.slice(), 0);
    backend.fill(training.scalars.slice(), 0);
    for (LayerState& l : training.layers) l.written = false;
}

void Network::Impl::forward_layer(int index, const Codes& codes, const TrainStep& how) {
    const LayerSpec& l = layer(index);
    LayerState& s = state(index);
    const bool separate = keeps_before(index);
    const View y = view(separate ? s.before : s.output, index, codes);
    const auto x = [&](int from) { return view(state(from).output, from, codes); };
    run_layer(index, codes, trained(), x, s.lstm, l.relu && !separate, y);
    if (!separate) return;
    const Norm norm = batch_norm(index);
    if (l.norm) backend(Moments{.x = y, .mean = norm.mean, .var = norm.var});
    if (l.norm && how.share.ranks) share_moments(norm, values_a_channel(index, codes), *how.share.ranks);
    backend(NormAct{.x = y,
                    .norm = l.norm ? &norm : nullptr,
                    .relu = l.relu,
                    .dropout = dropout(index, how),
                    .y = view(s.output, index, codes)});
}

void Network::Impl::backward_layer(int index, const Codes& codes, const TrainStep& how) {
    if (is_sequence(index)) return;
    const LayerSpec& l = layer(index);
    const LayerParameters& at = layout.layer(index);
    LayerState& s = state(index);
    const View dy = view(s.gradient, index, codes);
    if (keeps_before(index)) {
        const Norm norm = batch_norm(index);
        const View before = view(s.before, index, codes);
        if (l.norm && how.share.ranks)
            shared_norm_act_grad(index, codes, norm, how, before, dy);
        else
            backend(NormActGrad{.x = before,
                                .dy = dy,
                                .norm = l.norm ? &norm : nullptr,
                                .relu = l.relu,
                                .dropout = dropout(index, how),
                                .dx = dy,
                                .d_gamma = slice(gradients, at.gamma),
                                .d_beta = slice(gradients, at.beta)});
    } else if (l.relu) {
        backend(NormActGrad{.x = view(s.output, index, codes), .dy = dy, .relu = true, .dx = dy});
    }
    backward_input(index, codes, {trained(), {gradients, layout.layers()}, training.layers}, dy, true);
}

void Network::Impl::update_running(const Codes& codes, const TrainStep& how) {
    for (int index = 0; index < static_cast<int>(spec.layers.size()); ++index) {
        if (!layer(index).norm) continue;
        const LayerParameters& at = layout.layer(index);
        backend(UpdateRunning{.mean = slice(training.moments, at.running_mean),
                              .var = slice(training.moments, at.running_var),
                              .count = values_a_channel(index, codes) / codes.batch * batch_size(codes, how),
                              .momentum = static_cast<float>(spec.norm_momentum),
                              .running_mean = slice(statistics, at.running_mean),
                              .running_var = slice(statistics, at.running_var)});
    }
    inference.current = false;
}

StepResult Network::Impl::forward_backward(const Codes& codes, const Labels& labels, const TrainStep& how) {
    check_window(codes);
    const BatchShare& share = how.share;
    require(!share.ranks || (share.first >= 0 && share.first + codes.batch <= share.total), ErrorKind::usage,
            "network: a part of a batch that lies outside it");
    prepare_training(codes);
    for (const int index : plan.trunk) forward_layer(index, codes, how);
    const Labels seen = node(graph.head).flat ? flat_labels(codes, labels) : labels;
    for (std::size_t number = 0; number < plan.tails.size(); ++number) train_tail(number, codes, seen, how);
    for (auto index = plan.trunk.rbegin(); index != plan.trunk.rend(); ++index)
        backward_layer(*index, codes, how);
    if (how.share.ranks) {
        compose::all_reduce(backend, gradients.slice(), gradients.slice(), *how.share.ranks, staging);
        compose::all_reduce(backend, training.scalars.slice(0, 1), training.scalars.slice(0, 1),
                            *how.share.ranks, staging);
    }
    backend(GradNorm{.gradient = gradients.slice(), .norm = training.scalars.slice(1, 1)});
    double scalars[2];
    backend.read(training.scalars.slice(), std::span<double>(scalars));
    const StepResult result{scalars[0], scalars[1]};
    if (result.finite()) update_running(codes, how);
    return result;
}

void Network::Impl::need_optimiser() {
    if (!adam_m) adam_m = backend.alloc_flat(layout.parameter_count());
    if (!adam_v) adam_v = backend.alloc_flat(layout.parameter_count());
}

void Network::Impl::apply_adam(const AdamStep& how) {
    require(bool(training.scalars), ErrorKind::usage, "apply_adam: there is no gradient yet");
    need_optimiser();
    backend(Adam{.parameters = parameters.slice(),
                 .gradient = gradients.slice(),
                 .m = adam_m.slice(),
                 .v = adam_v.slice(),
                 .step = how,
                 .norm = training.scalars.slice(1, 1)});
    inference.current = false;
}

}  // namespace regkit
