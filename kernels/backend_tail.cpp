// The fused tail and what it hands out, the fold of batch norm into it, and the optimiser: checks, then the
// back end.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <utility>

#include "kernels/backend.hpp"
#include "kernels/checks.hpp"

namespace regkit {

// ---- the fused tail
// ---------------------------------------------------------------------------------------------
namespace {

void check_tail_layer(const Checks& check, const TailLayer& layer, std::int64_t width) {
    check.that(layer.in >= 1 && layer.out >= 1, "a tail layer without inputs or outputs");
    check.values("tail weight", layer.weight, layer.in * std::int64_t{layer.out} * width);
    check.optional("tail bias", layer.bias, layer.out);
}

void check_tail(const Checks& check, const View& h, const Tail& tail) {
    check.tensor("h", h);
    check.that(tail.depth >= 1 && tail.depth <= kMaxDense, "the tail's depth is outside 1..kMaxDense");
    check.that(tail.stride >= 1, "the tail's stride is below 1");
    check.that(tail.has_up() || tail.stride == 1, "a stride without an up-convolution");
    if (tail.has_up()) check_tail_layer(check, tail.up, tail.stride);
    for (int i = 0; i < tail.depth; ++i) check_tail_layer(check, tail.dense[i], 1);
    if (tail.has_up()) check.equal("inputs of dense layer 0", tail.dense[0].in, tail.up.out);
    for (int i = 1; i < tail.depth; ++i)
        check.equal("inputs of a dense layer", tail.dense[i].in, tail.dense[i - 1].out);
    check.equal("channels of h", h.shape.channels, tail.inputs());
}

// Output positions of a sample in coarse positions [begin, end).
std::int64_t check_range(const Checks& check, const View& h, const Tail& tail, std::int64_t begin,
                         std::int64_t end) {
    check_tail(check, h, tail);
    check.that(begin >= 0 && begin <= end && end <= h.shape.length, "positions outside the row");
    return (end - begin) * tail.stride;
}

bool has(const Status& status) {
    return status.code != Status::Code::unsupported;
}

void check_tail_dropout(const Checks& check, const Tail& tail, const Dropout& dropout) {
    check.dropout(dropout);
    if (dropout.rate > 0) check.equal("interleave of the tail's dropout", dropout.interleave, tail.stride);
}

void check_labels(const Checks& check, const Labels& labels, std::int64_t batch, int markers,
                  std::int64_t length, LossKind loss) {
    check.that(labels.offsets, "labels without offsets");
    check.equal("first offset of the labels", labels.offsets[0], 0);
    for (std::int64_t s = 0; s < batch; ++s) {
        check.that(labels.offsets[s] <= labels.offsets[s + 1], "offsets of the labels decrease");
        check.that(labels.runs || labels.offsets[s + 1] == 0, "labels without runs");
        const LabelRun* before = nullptr;
        for (std::int64_t r = labels.offsets[s]; r < labels.offsets[s + 1]; ++r) {
            const LabelRun& run = labels.runs[r];
            check.that(run.marker >= 0 && run.marker < markers, "a label's marker is unknown");
            check.that(run.begin >= 0 && run.begin < run.end && run.end <= length,
                       "a label is outside its window");
            check.that(loss != LossKind::poisson || (run.value >= 0 && run.value <= FLT_MAX),
                       "a label's value is negative or not finite");
            check.that(!before || before->marker < run.marker ||
                           (before->marker == run.marker && before->end <= run.begin),
                       "labels are not sorted and disjoint");
            before = &run;
        }
    }
}

void check_gradient(const Checks& check, const Tail& tail, const TailGradient& gradient) {
    check.values("up_weight gradient", gradient.up_weight, tail.has_up() ? tail.up.weight.count : 0);
    check.values("up_bias gradient", gradient.up_bias, tail.has_up() ? tail.up.bias.count : 0);
    for (int i = 0; i < tail.depth; ++i) {
        check.values("dense_weight gradient", gradient.dense_weight[i], tail.dense[i].weight.count);
        check.values("dense_bias gradient", gradient.dense_bias[i], tail.dense[i].bias.count);
    }
}

}  // namespace

void Backend::tail_infer(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                         TailOutput kind, std::span<float> out) {
    const Checks check("tail_infer");
    const std::int64_t length = check_range(check, h, tail, begin, end);
    check.equal("number of host values", static_cast<std::int64_t>(out.size()),
                h.shape.batch * tail.markers() * length);
    if (length == 0) return;
    check.done(*this, do_tail_infer(h, tail, begin, end, kind, out.data()));
}

// What is made of the values where a back end has no more: [batch][markers][positions], in memory that is
// kept, since the pages of a fresh array cost more than filling it.
std::span<const float> Backend::staged_values(const View& h, const Tail& tail, std::int64_t begin,
                                              std::int64_t end, TailOutput kind) {
    staged_.resize(static_cast<std::size_t>(h.shape.batch * tail.markers() * (end - begin) * tail.stride));
    tail_infer(h, tail, begin, end, kind, staged_);
    return staged_;
}

void Backend::tail_codes(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                         std::span<std::uint8_t> out) {
    const Checks check("tail_codes");
    const std::int64_t length = check_range(check, h, tail, begin, end);
    check.equal("number of codes", static_cast<std::int64_t>(out.size()),
                h.shape.batch * tail.markers() * length);
    if (length == 0) return;
    const Status status = do_tail_codes(h, tail, begin, end, out.data());
    if (has(status)) return check.done(*this, status);
    const auto logits = staged_values(h, tail, begin, end, TailOutput::logits);
    std::transform(logits.begin(), logits.end(), out.begin(), logit_code);
}

void Backend::tail_bits(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                        TailOutput kind, float cutoff, std::span<std::uint8_t> out) {
    const Checks check("tail_bits");
    const std::int64_t length = check_range(check, h, tail, begin, end), row = (length + 7) / 8;
    check.that(!std::isnan(cutoff), "the cutoff is not a number");
    check.equal("bytes", static_cast<std::int64_t>(out.size()), h.shape.batch * tail.markers() * row);
    if (length == 0) return;
    const Status status = do_tail_bits(h, tail, begin, end, kind, cutoff, out.data());
    if (has(status)) return check.done(*this, status);
    const auto values = staged_values(h, tail, begin, end, kind);
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    for (std::int64_t r = 0; r < h.shape.batch * tail.markers(); ++r)
        for (std::int64_t p = 0; p < length; ++p)
            if (!(values[static_cast<std::size_t>(r * length + p)] < cutoff))
                out[static_cast<std::size_t>(r * row + p / 8)] |= static_cast<std::uint8_t>(1 << p % 8);
}

void Backend::tail_runs(const View& h, const Tail& tail, std::int64_t begin, std::int64_t end,
                        TailOutput kind, float cutoff, CalledRuns& out) {
    const Checks check("tail_runs");
    const std::int64_t length = check_range(check, h, tail, begin, end);
    check.that(!std::isnan(cutoff), "the cutoff is not a number");
    check.that(length <= INT32_MAX, "more positions than a run can count");
    out.clear();
    if (length == 0) return;
    const Status status = do_tail_runs(h, tail, begin, end, kind, cutoff, out);
    if (has(status)) return check.done(*this, status);
    const auto values = staged_values(h, tail, begin, end, kind);
    for (std::int64_t r = 0; r < h.shape.batch * tail.markers(); ++r)
        out.append_row(
            static_cast<std::int32_t>(r / tail.markers()), static_cast<std::int32_t>(r % tail.markers()),
            values.subspan(static_cast<std::size_t>(r * length), static_cast<std::size_t>(length)), cutoff);
}

void Backend::tail_train(const View& h, const Tail& tail, const Labels& labels, const TailLoss& how,
                         const Slice& loss, const TailGradient& gradient, bool accumulate, const View& dh) {
    const Checks check("tail_train");
    check_tail(check, h, tail);
    if (tail.has_up()) check_tail_dropout(check, tail, tail.up.dropout);
    for (int i = 0; i + 1 < tail.depth; ++i) check_tail_dropout(check, tail, tail.dense[i].dropout);
    check_labels(check, labels, h.shape.batch, tail.markers(), h.shape.length * tail.stride, how.kind);
    check_gradient(check, tail, gradient);
    check.that(loss.count >= 1 && loss.data, "loss has no value");
    check.shape("dh", dh, h.shape);
    check.done(*this, do_tail_train(h, tail, labels, how, loss, gradient, accumulate, dh));
}

// ---- batch norm in the up-convolution's weights
// -----------------------------------------------------------------
namespace {

void check_up_norm(const Checks& check, const View& h, const UpNorm& norm, const UpNormState& state) {
    check.tensor("h", h);
    check.that(norm.in >= 1 && norm.out >= 1 && norm.stride >= 1,
               "an up-convolution without inputs or outputs");
    check.that(norm.eps > 0, "eps is not positive");
    check.equal("channels of h", h.shape.channels, norm.in);
    check.values("weight", norm.weight, norm.in * std::int64_t{norm.out} * norm.stride);
    check.optional("bias", norm.bias, norm.out);
    check.values("gamma", norm.gamma, norm.out);
    check.values("beta", norm.beta, norm.out);
    check.values("input_mean", state.input_mean, norm.in);
    check.values("input_covariance", state.input_covariance, norm.in * std::int64_t{norm.in});
    check.values("mean", state.mean, norm.out);
    check.values("var", state.var, norm.out);
}

}  // namespace

void Backend::fold_up_norm(const View& h, const UpNorm& norm, const UpNormState& state,
                           const Slice& folded_weight, const Slice& folded_bias) {
    const Checks check("fold_up_norm");
    check_up_norm(check, h, norm, state);
    check.values("folded_weight", folded_weight, norm.weight.count);
    check.values("folded_bias", folded_bias, norm.out);
    check.done(*this, do_fold_up_norm(h, norm, state, folded_weight, folded_bias));
}

void Backend::fold_up_norm_grad(const View& h, const UpNorm& norm, const UpNormState& state,
                                const Slice& d_folded_weight, const Slice& d_folded_bias,
                                const Slice& d_weight, const Slice& d_bias, const Slice& d_gamma,
                                const Slice& d_beta, const View& dh) {
    const Checks check("fold_up_norm_grad");
    check_up_norm(check, h, norm, state);
    check.values("d_folded_weight", d_folded_weight, norm.weight.count);
    check.values("d_folded_bias", d_folded_bias, norm.out);
    check.values("d_weight", d_weight, norm.weight.count);
    check.values("d_bias", d_bias, norm.bias.count);
    check.values("d_gamma", d_gamma, norm.out);
    check.values("d_beta", d_beta, norm.out);
    check.shape("dh", dh, h.shape);
    check.done(*this, do_fold_up_norm_grad(h, norm, state, d_folded_weight, d_folded_bias, d_weight, d_bias,
                                           d_gamma, d_beta, dh));
}

// ---- ranks
void Backend::all_reduce(const Slice& from, const Slice& to, Communicator& ranks) {
    const Checks check("all_reduce");
    check.that(from.count >= 1 && from.data, "no values");
    check.values("to", to, from.count);
    QuietRanks quiet(ranks);
    const Status status = do_all_reduce(from, to, quiet);
    quiet.rethrow();  // a rank that ended explains what came of it here
    if (*status.message && (status.code == Status::Code::ok || !has(status))) notice_ = status.message;
    if (has(status)) return check.done(*this, status);
    const auto count = static_cast<std::size_t>(from.count);
    const auto through = [&](auto& values) {
        values.resize(count);
        read(from, std::span(values));
        ranks.sum_in_order(std::span(values));
        write(to, std::span(std::as_const(values)));
    };
    if (is_double()) {
        std::vector<double> values;
        through(values);
    } else {
        through(staged_);
    }
}

// ---- the optimiser
// ----------------------------------------------------------------------------------------------
void Backend::grad_norm(const Slice& gradient, const Slice& norm) {
    const Checks check("grad_norm");
    check.that(gradient.count >= 1 && gradient.data, "no gradient");
    check.that(norm.count >= 1 && norm.data, "norm has no value");
    check.done(*this, do_grad_norm(gradient, norm));
}

void Backend::adam(const Slice& parameters, const Slice& gradient, const Slice& m, const Slice& v,
                   const AdamStep& step, const Slice& norm) {
    const Checks check("adam");
    check.that(parameters.count >= 1 && parameters.data, "no parameters");
    check.values("gradient", gradient, parameters.count);
    check.values("m", m, parameters.count);
    check.values("v", v, parameters.count);
    check.that(step.step >= 1, "the step is below 1");
    check.that(step.clip_norm <= 0 || norm.count >= 1, "clipping without a norm");
    check.done(*this, do_adam(parameters, gradient, m, v, step, norm));
}

}  // namespace regkit
