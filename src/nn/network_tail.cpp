// The fused tails in training: values of the trunk in, loss and gradients out. There are four ways through
// here. A tail that flattens reads and writes copies, of one row over the windows. Where batch norm follows
// the up-convolution, its statistics follow from mean and covariance of the tail's input, and it is folded
// into the up-convolution's weights (kernels/ops/up_norm.hpp); where ranks share the batch, from those of all
// ranks. All run the same operation.
#include <algorithm>

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

struct Network::Impl::TailStep {
    const TailPlan& plan;
    TailBuffers& buffers;
    Tail tail;
    TailGradient gradient;
    TailLoss loss;
    View h, dh;
    bool accumulate;
};

void Network::Impl::make_tail(std::size_t number, const Capacity& capacity) {
    const TailPlan& t = plan.tails[number];
    TailBuffers& buffers = training.tails[number];
    buffers.flat = make_flat(t, capacity);
    buffers.d_flat = make_flat(t, capacity);
    if (t.up >= 0 && layer(t.up).norm)
        buffers.up_norm =
            backend.alloc_flat(UpNormPlaces(node(t.up).channels_in, node(t.up).channels, t.stride).total);
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

// The step of a tail as its layers say it, without batch norm.
Network::Impl::TailStep Network::Impl::tail_step(std::size_t number, const Codes& codes,
                                                 const TrainStep& how) {
    const TailPlan& p = plan.tails[number];
    TailBuffers& buffers = training.tails[number];
    Tail t = tail(p, trained());
    TailGradient gradient;
    if (t.has_up()) {
        t.up.dropout = dropout(p.up, how);
        gradient.up_weight = slice(gradients, layout.layer(p.up).weight);
        gradient.up_bias = slice(gradients, layout.layer(p.up).bias);
    }
    for (std::size_t i = 0; i < p.dense.size(); ++i) {
        const LayerParameters& at = layout.layer(p.dense[i]);
        t.dense[i].dropout = dropout(p.dense[i], how);
        gradient.dense_weight[i] = slice(gradients, at.weight);
        gradient.dense_bias[i] = slice(gradients, at.bias);
    }
    LayerState& input = state(p.input);
    const View h = p.flatten ? buffers.flat.view(1, codes.batch) : view(input.output, p.input, codes);
    const View dh = p.flatten ? buffers.d_flat.view(1, codes.batch) : view(input.gradient, p.input, codes);
    const std::int64_t outputs = graph.shape(graph.heads[number], codes.batch, codes.length).size() /
                                 codes.batch * batch_size(codes, how);
    const TailLoss loss{static_cast<float>(spec.heads[number].weight / static_cast<double>(outputs)),
                        how.pos_weight,
                        spec.task == Task::coverage ? LossKind::poisson : LossKind::sigmoid_cross_entropy};
    return {p, buffers, t, gradient, loss, h, dh, input.written && !p.flatten};
}

void Network::Impl::train_tail(std::size_t number, const Codes& codes, const Labels& labels,
                               const TrainStep& how) {
    const TailStep step = tail_step(number, codes, how);
    const TailPlan& p = step.plan;
    LayerState& input = state(p.input);
    if (p.flatten) backend(Flatten{.x = view(input.output, p.input, codes), .y = step.h});
    if (p.up >= 0 && layer(p.up).norm)
        run_normed_tail(step, codes, labels, how);
    else
        run_tail(step, labels);
    if (p.flatten && input.gradient)
        backend(FlattenGrad{
            .dy = step.dh, .accumulate = input.written, .dx = view(input.gradient, p.input, codes)});
    input.written = true;
}

void Network::Impl::run_tail(const TailStep& step, const Labels& labels) {
    backend(TailTrain{.h = step.h,
                      .tail = step.tail,
                      .labels = labels,
                      .how = step.loss,
                      .loss = training.scalars.slice(0, 1),
                      .gradient = step.gradient,
                      .accumulate = step.accumulate,
                      .dh = step.dh});
}

// Folds the batch's norm into the up-convolution, runs the tail with that, and takes the gradients of the
// folded layer apart again.
void Network::Impl::run_normed_tail(TailStep step, const Codes& codes, const Labels& labels,
                                    const TrainStep& how) {
    const int up = step.plan.up;
    Tail& t = step.tail;
    TailGradient& gradient = step.gradient;
    const LayerParameters& at = layout.layer(up);
    const Norm norm = batch_norm(up);
    const UpNormPlaces places(t.up.in, t.up.out, t.stride);
    const Buffer& memory = step.buffers.up_norm;
    const UpNorm fold{t.up.weight, t.up.bias, norm.gamma, norm.beta, t.up.in, t.up.out, t.stride, norm.eps};
    UpNormState batch{slice(memory, places.input_mean), slice(memory, places.input_covariance), norm.mean,
                      norm.var};
    t.up.weight = slice(memory, places.weight);
    t.up.bias = slice(memory, places.bias);
    gradient.up_weight = slice(memory, places.d_weight);
    gradient.up_bias = slice(memory, places.d_bias);
    const auto fold_batch = [&] {
        backend(FoldUpNorm{.h = step.h,
                           .norm = fold,
                           .state = batch,
                           .folded_weight = t.up.weight,
                           .folded_bias = t.up.bias});
    };
    fold_batch();
    if (how.share.ranks) {  // once more, with the whole batch's mean and covariance
        const std::int64_t positions = step.h.shape.batch * step.h.shape.length;
        share_covariance(batch, positions, *how.share.ranks);
        batch.shared_count = positions / codes.batch * how.share.total;
        fold_batch();
    }
    backend.fill(gradient.up_weight, 0);
    backend.fill(gradient.up_bias, 0);
    run_tail(step, labels);
    LayerParameters to = at;
    const Buffer* arena = &gradients;
    if (how.share.ranks) {
        compose::all_reduce(backend, gradient.up_weight, gradient.up_weight, *how.share.ranks, staging);
        compose::all_reduce(backend, gradient.up_bias, gradient.up_bias, *how.share.ranks, staging);
        // From whole sums, whole gradients, on every rank: they enter the sum of all ranks' gradients once.
        if (how.share.ranks->rank() > 0) arena = &discarded(to);
    }
    backend(FoldUpNormGrad{.h = step.h,
                           .norm = fold,
                           .state = batch,
                           .d_folded_weight = gradient.up_weight,
                           .d_folded_bias = gradient.up_bias,
                           .d_weight = slice(*arena, to.weight),
                           .d_bias = slice(*arena, to.bias),
                           .d_gamma = slice(*arena, to.gamma),
                           .d_beta = slice(*arena, to.beta),
                           .dh = step.dh});
}

}  // namespace regkit
