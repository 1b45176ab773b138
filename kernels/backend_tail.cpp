// What the fused tail hands out beside values, and sums over ranks.
#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/backend.hpp"
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

bool has(const Status& status) {
    return status.code != Status::Code::unsupported;
}

}  // namespace

// What is made of the values where a back end has no more: [batch][markers][positions], in memory that is
// kept, since the pages of a fresh array cost more than filling it.
std::span<const float> Backend::staged_values(const View& h, const Tail& tail, std::int64_t begin,
                                              std::int64_t end, TailOutput kind) {
    staged_.resize(static_cast<std::size_t>(h.shape.batch * tail.markers() * (end - begin) * tail.stride));
    (*this)(TailInfer{.h = h, .tail = tail, .begin = begin, .end = end, .kind = kind, .out = staged_});
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
    if (has(status)) return done("tail_codes", status);
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
    if (has(status)) return done("tail_bits", status);
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
    if (has(status)) return done("tail_runs", status);
    const auto values = staged_values(h, tail, begin, end, kind);
    for (std::int64_t r = 0; r < h.shape.batch * tail.markers(); ++r)
        out.append_row(
            static_cast<std::int32_t>(r / tail.markers()), static_cast<std::int32_t>(r % tail.markers()),
            values.subspan(static_cast<std::size_t>(r * length), static_cast<std::size_t>(length)), cutoff);
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
    if (has(status)) return done("all_reduce", status);
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

}  // namespace regkit
