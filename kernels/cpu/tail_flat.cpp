// The tail in training where it is one dense layer over few positions: a batch of windows with one output each.
//
// There blocks of positions would be one block: one worker, and all weights packed twice for it. Flatten-and-dense
// (flat_dense.cpp) goes over the weights once a pass and shares them among the workers; the logits of all
// markers are few enough to exist.
#include <algorithm>

#include "kernels/cpu/backend_impl.hpp"
#include "kernels/cpu/panel.hpp"

namespace regkit {

using cpu::floats;
using cpu::guarded;
using cpu::round_up;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;

namespace {

constexpr std::int64_t kMostPositions = 1024;

View borrow(cpu::Scratch& scratch, Slot slot, const Shape& shape) {
    return {scratch.get<float>(slot, cpu::floats_of(shape, {})), shape, {}};
}

// Writes the targets of one marker; false when it has none.
bool mark_targets(const Labels& labels, std::int64_t marker, LossKind kind, std::int64_t columns, float* target) {
    const LabelRun* const end = labels.runs + labels.offsets[1];
    const LabelRun* run = std::lower_bound(labels.runs + labels.offsets[0], end, marker,
                                           [](const LabelRun& r, std::int64_t m) { return r.marker < m; });
    if (run == end || run->marker != marker) return false;
    std::fill_n(target, columns, 0.0f);
    for (; run != end && run->marker == marker; ++run)
        std::fill(target + run->begin, target + run->end, kind == LossKind::poisson ? run->value : 1.0f);
    return true;
}

}  // namespace

bool CpuBackend::is_flat_tail(const Shape& h, const Tail& tail) const {
    return !kernels_.bf16 && !tail.has_up() && tail.depth == 1 && h.batch == 1 && h.length <= kMostPositions;
}

double CpuBackend::flat_loss(const Rows& logits, const Labels& labels, const TailLoss& how) {
    const std::int64_t columns = round_up(logits.length, cpu::kAlign);
    float* const memory = scratch_.get<float>(Slot::worker, columns * (pool_.workers() + 1));
    double* const loss = scratch_.get<double>(Slot::chunks, logits.channels);
    float* const valid = memory + columns * pool_.workers();
    std::fill(std::fill_n(valid, logits.length, 1.0f), valid + columns, 0.0f);
    const auto loss_of =
        how.kind == LossKind::poisson ? kernels_.tail->poisson : kernels_.tail->cross_entropy;
    parallel(logits.channels, [&](std::int64_t marker, int worker) {
        float* const target = memory + columns * worker;
        cpu::LossArgs args;
        args.z = logits.row(0, marker);
        args.target = mark_targets(labels, marker, how.kind, columns, target) ? target : nullptr;
        args.valid = valid;
        args.columns = columns;
        args.scale = how.scale;
        args.pos_weight = how.pos_weight;
        loss[marker] = loss_of(args).loss;
    });
    double total = 0;
    for (std::int64_t marker = 0; marker < logits.channels; ++marker) total += loss[marker];
    return total;
}

Status CpuBackend::train_flat_tail(const View& h_view, const TailLayer& layer, const Labels& labels,
                                   const TailLoss& how, const Slice& loss, const Slice& d_weight,
                                   const Slice& d_bias, bool accumulate, const View& dh_view) noexcept {
    View x, logits, dx;
    Status status = guarded([&] {
        const Rows h = rows_of(h_view);
        x = borrow(scratch_, Slot::padded, {h.length, 1, h.channels});
        dx = borrow(scratch_, Slot::output, x.shape);
        logits = borrow(scratch_, Slot::phases, {1, layer.out, h.length});
        const Rows turned = rows_of(x);
        cpu::transpose(*kernels_.tail, h.row(0, 0), h.stride, h.channels, h.length, turned.row(0, 0),
                       turned.stride);
    });
    const auto go_on = [&] { return status.code == Status::Code::ok; };
    if (go_on()) status = do_flat_dense(x, layer.weight, layer.bias, false, logits);
    if (go_on())
        status = guarded([&] {
            const double total = flat_loss(rows_of(logits), labels, how);
            floats(loss)[0] += static_cast<float>(total * static_cast<double>(how.scale));
        });
    if (go_on()) status = do_flat_dense_grad_weight(x, logits, d_weight, d_bias);
    if (go_on()) status = do_flat_dense_grad_input(logits, layer.weight, false, dx);
    if (!go_on()) return status;
    return guarded([&] {
        const Rows from = rows_of(dx), dh = rows_of(dh_view);
        parallel(dh.channels, [&](std::int64_t c, int) {
            float* const to = dh.row(0, c);
            for (std::int64_t s = 0; s < dh.length; ++s)
                to[s] = accumulate ? to[s] + from.row(s, 0)[c] : from.row(s, 0)[c];
            if (!accumulate) dh.zero_edges(to);
        });
    });
}

}  // namespace regkit
