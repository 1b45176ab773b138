#include "kernels/compose.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "kernels/ops/lstm_parts.hpp"

namespace regkit::compose {

namespace {

// [batch][markers][positions]
std::span<const float> tail_values(Backend& backend, const TailInfer& op, Staging& staging) {
    staging.resize(static_cast<std::size_t>(op.h.shape.batch * op.tail.markers() * (op.end - op.begin) *
                                            op.tail.stride));
    TailInfer values = op;
    values.out = staging;
    backend(values);
    return staging;
}

template <typename T>
void sum_through_host(Backend& backend, const Slice& from, const Slice& to, Communicator& ranks,
                      std::vector<T>& values) {
    values.resize(static_cast<std::size_t>(from.count));
    backend.read(from, std::span(values));
    ranks.sum_in_order(std::span(values));
    backend.write(to, std::span(std::as_const(values)));
}

// As much of a layer's memory as x needs.
struct Parts {
    View gates, cell;
    Parts(const View& x, const LstmMemory& memory)
        : gates(memory.gates.view(x.shape.batch, x.shape.length)),
          cell(memory.cell.view(x.shape.batch, x.shape.length)) {}
};

// Throws where a part fails.
auto runner(Backend& backend) {
    return [&backend](const auto& op) {
        backend(op);
        return Status{};
    };
}

}  // namespace

void tail_codes(Backend& backend, const TailCodes& op, Staging& staging) {
    if (backend.try_run(op)) return;
    const TailInfer infer{
        .h = op.h, .tail = op.tail, .begin = op.begin, .end = op.end, .kind = TailOutput::logits, .out = {}};
    const auto logits = tail_values(backend, infer, staging);
    std::transform(logits.begin(), logits.end(), op.out.begin(), logit_code);
}

void tail_runs(Backend& backend, const TailRuns& op, Staging& staging) {
    if (backend.try_run(op)) return;
    const TailInfer infer{
        .h = op.h, .tail = op.tail, .begin = op.begin, .end = op.end, .kind = op.kind, .out = {}};
    const auto values = tail_values(backend, infer, staging);
    const std::int64_t length = (op.end - op.begin) * op.tail.stride, markers = op.tail.markers();
    op.out->clear();
    for (std::int64_t r = 0; r < op.h.shape.batch * markers; ++r)
        op.out->append_row(
            static_cast<std::int32_t>(r / markers), static_cast<std::int32_t>(r % markers),
            values.subspan(static_cast<std::size_t>(r * length), static_cast<std::size_t>(length)),
            nth(op.cutoffs, r % markers));
}

void all_reduce(Backend& backend, const Slice& from, const Slice& to, Communicator& ranks, Staging& staging) {
    QuietRanks quiet(ranks);
    bool is_done = false;
    try {
        is_done = backend.try_run(AllReduce{.from = from, .to = to, .ranks = &quiet});
    } catch (const Error&) {
        quiet.rethrow();  // a rank that ended explains what came of it here
        throw;
    }
    quiet.rethrow();
    if (is_done) return;
    if (!backend.is_double()) return sum_through_host(backend, from, to, ranks, staging);
    std::vector<double> values;
    sum_through_host(backend, from, to, ranks, values);
}

LstmMemory alloc_lstm(Backend& backend, const Shape& x, int hidden, int directions, bool training) {
    LstmMemory memory;
    memory.x = x;
    memory.states = std::int64_t{directions} * hidden;
    memory.training = training;
    std::int64_t values = 0;
    const LstmRoom room{
        .x = x, .hidden = hidden, .directions = directions, .training = training, .values = &values};
    if (backend.try_run(room)) {
        memory.own = backend.alloc_flat(values);
    } else {
        memory.cell = backend.alloc({x.batch, memory.states, x.length});
        memory.gates = backend.alloc({x.batch, 4 * memory.states, x.length});
    }
    return memory;
}

void lstm(Backend& backend, const Lstm& op) {
    op.check();
    if (op.memory->own) return backend(op);
    const Parts parts(op.x, *op.memory);
    static_cast<void>(lstm_of_parts(op.x, op.layer, parts.gates, parts.cell, op.y, runner(backend)));
}

void lstm_grad(Backend& backend, const LstmGrad& op) {
    op.check();
    if (op.memory->own) return backend(op);
    const Parts parts(op.x, *op.memory);
    static_cast<void>(lstm_grad_of_parts(op, parts.gates, parts.cell, op.y, runner(backend)));
}

}  // namespace regkit::compose
