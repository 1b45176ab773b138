#include "kernels/ops/tail.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "kernels/ops/checks.hpp"

namespace regkit {

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

void TailInfer::check() const {
    const Checks check(kName);
    const std::int64_t length = check_range(check, h, tail, begin, end);
    check.equal("number of host values", static_cast<std::int64_t>(out.size()),
                h.shape.batch * tail.markers() * length);
}

void TailCodes::check() const {
    const Checks check(kName);
    const std::int64_t length = check_range(check, h, tail, begin, end);
    check.equal("number of codes", static_cast<std::int64_t>(out.size()),
                h.shape.batch * tail.markers() * length);
}

void TailRuns::check() const {
    const Checks check(kName);
    const std::int64_t length = check_range(check, h, tail, begin, end);
    check.equal("number of cutoffs", static_cast<std::int64_t>(cutoffs.size()), tail.markers());
    check.that(std::ranges::none_of(cutoffs, [](float cutoff) { return std::isnan(cutoff); }),
               "a cutoff is not a number");
    check.that(length <= INT32_MAX, "more positions than a run can count");
    check.that(out, "no place for runs");
}

void TailTrain::check() const {
    const Checks check(kName);
    check_tail(check, h, tail);
    if (tail.has_up()) check_tail_dropout(check, tail, tail.up.dropout);
    for (int i = 0; i + 1 < tail.depth; ++i) check_tail_dropout(check, tail, tail.dense[i].dropout);
    check_labels(check, labels, h.shape.batch, tail.markers(), h.shape.length * tail.stride, how.kind);
    check_gradient(check, tail, gradient);
    check.that(loss.count >= 1 && loss.data, "loss has no value");
    check.shape("dh", dh, h.shape);
}

}  // namespace regkit
