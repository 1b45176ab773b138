// Training: forward with the batch's own moments, the fused tail with the loss, backward.
#include <algorithm>
#include <cmath>

#include "kernels/base/error.hpp"
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

// Whether the layer's value before norm, ReLU and dropout is needed in the backward pass. Of a ReLU alone the
// output tells as much.
bool Network::Impl::keeps_before(int index) const {
    const LayerSpec& l = layer(index);
    const bool drops = l.dropout && spec.dropout > 0;
    const bool joins = l.type == LayerType::add || l.type == LayerType::concat;
    return l.norm || drops || (joins && l.relu);
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
    d.interleave = plan.interleave[static_cast<std::size_t>(index)];
    return d;
}

Norm Network::Impl::batch_norm(int index) const {
    const LayerParameters& at = layout.layer(index);
    return {slice(training.moments, at.running_mean), slice(training.moments, at.running_var),
            slice(parameters, at.gamma), slice(parameters, at.beta), static_cast<float>(spec.norm_eps)};
}

void Network::Impl::make_layer(int index, const Capacity& capacity) {
    const auto i = static_cast<std::size_t>(index);
    Layer& l = state(index);
    if (keeps_before(index)) l.before = make_buffer(index, capacity, {});
    l.output = make_buffer(index, capacity, plan.halo[i]);
    if (!is_sequence(index)) l.gradient = make_buffer(index, capacity, plan.gradient_halo[i]);
    l.lstm = make_lstm(index, capacity, true);
}

void Network::Impl::make_tail(std::size_t number, const Capacity& capacity) {
    const TailPlan& t = plan.tails[number];
    TailBuffers& buffers = training.tails[number];
    buffers.flat = make_flat(t, capacity);
    buffers.d_flat = make_flat(t, capacity);
    if (t.up >= 0 && layer(t.up).norm)
        buffers.up_norm =
            backend.alloc_flat(UpNormPlaces(node(t.up).channels_in, node(t.up).channels, t.stride).total);
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
    for (Layer& l : training.layers) l.written = false;
}

void Network::Impl::forward_layer(int index, const Codes& codes, const TrainStep& how) {
    const LayerSpec& l = layer(index);
    Layer& s = state(index);
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

// Adds channels of `from`, beginning with `begin`, to the gradient of layer `to`, or begins it.
void Network::Impl::copy_or_add(const View& from, int begin, int to, const Codes& codes) {
    const View dx = view(state(to).gradient, to, codes);
    if (from.shape.channels != dx.shape.channels)
        backend(CopyChannels{.x = from,
                             .x_begin = begin,
                             .y = dx,
                             .count = node(to).channels,
                             .accumulate = state(to).written});
    else if (state(to).written)
        backend(Add{.x = from, .y = dx});
    else
        backend(NormAct{.x = from, .y = dx});
}

void Network::Impl::backward_sequence_conv(int index, const Codes& codes, const View& dy) {
    const Node& n = node(index);
    const LayerParameters& at = layout.layer(index);
    const int input = n.inputs[0];
    backend(SequenceConvGrad{.codes = codes,
                             .dy = dy,
                             .embedding = embedding(input, trained()),
                             .weight = slice(parameters, at.weight),
                             .geometry = n.geometry,
                             .d_embedding = slice(gradients, layout.layer(input).weight),
                             .d_weight = slice(gradients, at.weight),
                             .d_bias = slice(gradients, at.bias)});
}

void Network::Impl::backward_lstm(int index, const Codes& codes, const View& dy) {
    const LayerParameters& at = layout.layer(index);
    Layer& s = state(index);
    const int input = node(index).inputs[0];
    const LstmGradient gradient{slice(gradients, at.weight), slice(gradients, at.weight_hh),
                                slice(gradients, at.bias)};
    compose::lstm_grad(backend, LstmGrad{.x = view(state(input).output, input, codes),
                                         .layer = lstm(index, trained()),
                                         .memory = &s.lstm,
                                         .y = view(s.before ? s.before : s.output, index, codes),
                                         .dy = dy,
                                         .gradient = gradient,
                                         .accumulate = state(input).written,
                                         .dx = view(state(input).gradient, input, codes)});
}

// Gradients of the layer's parameters and of its inputs, from `dy` of its value before activation.
void Network::Impl::backward_input(int index, const Codes& codes, const View& dy) {
    const LayerSpec& l = layer(index);
    const Node& n = node(index);
    const LayerParameters& at = layout.layer(index);
    const Slice weight = slice(parameters, at.weight);
    const Slice d_weight = slice(gradients, at.weight), d_bias = slice(gradients, at.bias);
    const int input = n.inputs[0];
    const bool has_gradient = !is_sequence(input);
    const View x = state(input).output ? view(state(input).output, input, codes) : View{};
    const View dx = has_gradient ? view(state(input).gradient, input, codes) : View{};
    const bool accumulate = state(input).written;
    switch (l.type) {
        case LayerType::conv:
            if (!has_gradient) return backward_sequence_conv(index, codes, dy);
            backend(ConvGradWeight{
                .x = x, .dy = dy, .geometry = n.geometry, .d_weight = d_weight, .d_bias = d_bias});
            backend(ConvGradInput{
                .dy = dy, .weight = weight, .geometry = n.geometry, .accumulate = accumulate, .dx = dx});
            break;
        case LayerType::dense:
            if (l.flatten) {
                backend(FlatDenseGradWeight{.x = x, .dy = dy, .d_weight = d_weight, .d_bias = d_bias});
                if (has_gradient)
                    backend(
                        FlatDenseGradInput{.dy = dy, .weight = weight, .accumulate = accumulate, .dx = dx});
            } else {
                backend(ConvGradWeight{.x = x, .dy = dy, .d_weight = d_weight, .d_bias = d_bias});
                backend(ConvGradInput{.dy = dy, .weight = weight, .accumulate = accumulate, .dx = dx});
            }
            break;
        case LayerType::up_conv:
            backend(UpConvGradWeight{
                .x = x, .dy = dy, .stride = l.stride, .d_weight = d_weight, .d_bias = d_bias});
            backend(UpConvGradInput{
                .dy = dy, .weight = weight, .stride = l.stride, .accumulate = accumulate, .dx = dx});
            break;
        case LayerType::pool:
            backend(PoolGrad{.x = x, .dy = dy, .geometry = n.pool(), .accumulate = accumulate, .dx = dx});
            break;
        case LayerType::lstm:
            backward_lstm(index, codes, dy);
            break;
        case LayerType::add:
            for (const int from : n.inputs) copy_or_add(dy, 0, from, codes);
            break;
        case LayerType::concat: {
            int begin = 0;
            for (const int from : n.inputs) {
                copy_or_add(dy, begin, from, codes);
                begin += node(from).channels;
            }
            break;
        }
        case LayerType::embedding:
        case LayerType::one_hot:
            break;
    }
    for (const int from : n.inputs) state(from).written = true;
}

void Network::Impl::backward_layer(int index, const Codes& codes, const TrainStep& how) {
    if (is_sequence(index)) return;
    const LayerSpec& l = layer(index);
    const LayerParameters& at = layout.layer(index);
    Layer& s = state(index);
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
    backward_input(index, codes, dy);
}

// Of windows with one output each, which the tail sees as one row over the windows.
Labels Network::Impl::flat_labels(const Codes& codes, const Labels& labels) {
    auto& runs = training.flat_runs;
    runs.clear();
    for (std::int64_t s = 0; s < codes.batch; ++s)
        for (std::int64_t r = labels.offsets[s]; r < labels.offsets[s + 1]; ++r) {
            const LabelRun& run = labels.runs[r];
            require(run.begin == 0 && run.end == 1, ErrorKind::usage, "labels: there is one output a window");
            runs.push_back(
                {run.marker, static_cast<std::int32_t>(s), static_cast<std::int32_t>(s + 1), run.value});
        }
    std::sort(runs.begin(), runs.end(), [](const LabelRun& a, const LabelRun& b) {
        return a.marker != b.marker ? a.marker < b.marker : a.begin < b.begin;
    });
    training.flat_offsets = {0, static_cast<std::int64_t>(runs.size())};
    return {runs.data(), training.flat_offsets.data()};
}

void Network::Impl::train_tail(std::size_t number, const Codes& codes, const Labels& labels,
                               const TrainStep& how) {
    const TailPlan& p = plan.tails[number];
    TailBuffers& buffers = training.tails[number];
    const int up = p.up;
    const bool folds = up >= 0 && layer(up).norm;
    Tail t = tail(p, trained());
    TailGradient gradient;
    if (t.has_up()) {
        t.up.dropout = dropout(up, how);
        gradient.up_weight = slice(gradients, layout.layer(up).weight);
        gradient.up_bias = slice(gradients, layout.layer(up).bias);
    }
    for (std::size_t i = 0; i < p.dense.size(); ++i) {
        const LayerParameters& at = layout.layer(p.dense[i]);
        t.dense[i].dropout = dropout(p.dense[i], how);
        gradient.dense_weight[i] = slice(gradients, at.weight);
        gradient.dense_bias[i] = slice(gradients, at.bias);
    }
    Layer& input = state(p.input);
    const View x = view(input.output, p.input, codes);
    const View h = p.flatten ? buffers.flat.view(1, codes.batch) : x;
    const View dh = p.flatten ? buffers.d_flat.view(1, codes.batch) : view(input.gradient, p.input, codes);
    if (p.flatten) backend(Flatten{.x = x, .y = h});
    const bool accumulate = input.written && !p.flatten;
    const std::int64_t outputs = graph.shape(graph.heads[number], codes.batch, codes.length).size() /
                                 codes.batch * batch_size(codes, how);
    const TailLoss loss{static_cast<float>(spec.heads[number].weight / static_cast<double>(outputs)),
                        how.pos_weight,
                        spec.task == Task::coverage ? LossKind::poisson : LossKind::sigmoid_cross_entropy};
    const Slice sum = training.scalars.slice(0, 1);
    if (!folds) {
        backend(TailTrain{.h = h,
                          .tail = t,
                          .labels = labels,
                          .how = loss,
                          .loss = sum,
                          .gradient = gradient,
                          .accumulate = accumulate,
                          .dh = dh});
    } else {
        const LayerParameters& at = layout.layer(up);
        const Norm norm = batch_norm(up);
        const UpNormPlaces places(t.up.in, t.up.out, t.stride);
        const UpNorm fold{t.up.weight, t.up.bias, norm.gamma, norm.beta,
                          t.up.in,     t.up.out,  t.stride,   norm.eps};
        UpNormState batch{slice(buffers.up_norm, places.input_mean),
                          slice(buffers.up_norm, places.input_covariance), norm.mean, norm.var};
        t.up.weight = slice(buffers.up_norm, places.weight);
        t.up.bias = slice(buffers.up_norm, places.bias);
        gradient.up_weight = slice(buffers.up_norm, places.d_weight);
        gradient.up_bias = slice(buffers.up_norm, places.d_bias);
        backend(FoldUpNorm{
            .h = h, .norm = fold, .state = batch, .folded_weight = t.up.weight, .folded_bias = t.up.bias});
        if (how.share.ranks) {  // once more, with the whole batch's mean and covariance
            share_covariance(batch, h.shape.batch * h.shape.length, *how.share.ranks);
            batch.shared_count = h.shape.batch * h.shape.length / codes.batch * how.share.total;
            backend(FoldUpNorm{.h = h,
                               .norm = fold,
                               .state = batch,
                               .folded_weight = t.up.weight,
                               .folded_bias = t.up.bias});
        }
        backend.fill(gradient.up_weight, 0);
        backend.fill(gradient.up_bias, 0);
        backend(TailTrain{.h = h,
                          .tail = t,
                          .labels = labels,
                          .how = loss,
                          .loss = sum,
                          .gradient = gradient,
                          .accumulate = accumulate,
                          .dh = dh});
        LayerParameters to = at;
        const Buffer* arena = &gradients;
        if (how.share.ranks) {
            compose::all_reduce(backend, gradient.up_weight, gradient.up_weight, *how.share.ranks, staging);
            compose::all_reduce(backend, gradient.up_bias, gradient.up_bias, *how.share.ranks, staging);
            // From whole sums, whole gradients, on every rank: they enter the sum of all ranks' gradients
            // once.
            if (how.share.ranks->rank() > 0) arena = &discarded(to);
        }
        backend(FoldUpNormGrad{.h = h,
                               .norm = fold,
                               .state = batch,
                               .d_folded_weight = gradient.up_weight,
                               .d_folded_bias = gradient.up_bias,
                               .d_weight = slice(*arena, to.weight),
                               .d_bias = slice(*arena, to.bias),
                               .d_gamma = slice(*arena, to.gamma),
                               .d_beta = slice(*arena, to.beta),
                               .dh = dh});
    }
    if (p.flatten && !is_sequence(p.input))
        backend(
            FlattenGrad{.dy = dh, .accumulate = input.written, .dx = view(input.gradient, p.input, codes)});
    input.written = true;
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
