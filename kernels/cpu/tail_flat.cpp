// The tail in training where there is one sample of few positions and no up-convolution: models of one output
// a window, whose windows are the positions, a head over them flattened, and coverage at batch 1.
//
// There blocks of positions would be one block: one worker, and all weights packed twice for it.
// Flatten-and-dense (flat_dense.cpp) goes over the weights once a pass and shares them among the workers,
// layer after layer; the activations and logits of all units are few enough to exist. As in blocks, hidden
// layers keep their output only: where it is positive the unit was active and not dropped.
#include <algorithm>
#include <optional>

#include "kernels/cpu/backend_impl.hpp"
#include "kernels/cpu/panel.hpp"

namespace regkit {

using cpu::ceil_div;
using cpu::floats;
using cpu::guarded;
using cpu::round_up;
using cpu::Rows;
using cpu::rows_of;
using cpu::Slot;

namespace {

// Activations of more would not stay in the caches. In bf16, where this way is in f32 as flatten-and-dense
// is, the blocks' products are ahead as soon as their lanes are filled.
constexpr std::int64_t kMostPositions = 1024, kMostPositionsBf16 = 128;

// Matrices of one call. flat_dense takes windows in rows and gives windows in columns.
struct FlatMemory {
    View x[kMaxDense];  // input of dense layer i: (windows, 1, in)
    void *y, *dx;       // a layer's output or its gradient (1, out, windows); the gradient of its input
    std::int64_t windows;

    FlatMemory(cpu::Scratch& scratch, const Tail& tail, std::int64_t positions) : windows(positions) {
        std::int64_t of_y = 0, of_x = 0, total = 0;
        for (int i = 0; i < tail.depth; ++i) {
            x[i].shape = {windows, 1, tail.dense[i].in};
            of_x = std::max(of_x, cpu::floats_of(x[i].shape, {}));
            // Of hidden layers the gradient of the input is turned into this shape, too.
            of_y = std::max(of_y,
                            cpu::floats_of({1, std::max(tail.dense[i].out, tail.dense[i].in), windows}, {}));
            total += cpu::floats_of(x[i].shape, {});
        }
        cpu::Carve carve(scratch.get<float>(Slot::padded, total + of_x + of_y));
        for (int i = 0; i < tail.depth; ++i) x[i].data = carve.take(cpu::floats_of(x[i].shape, {}));
        y = carve.take(of_y);
        dx = carve.take(of_x);
    }
    View outputs(int count) const { return {y, {1, count, windows}, {}}; }
    View d_input(int layer) const { return {dx, x[layer].shape, {}}; }
};

// Writes the targets of one marker; false when it has none.
bool mark_targets(const Labels& labels, std::int64_t marker, LossKind kind, std::int64_t columns,
                  float* target) {
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
    return !tail.has_up() && h.batch == 1 &&
           h.length <= (kernels_.bf16 ? kMostPositionsBf16 : kMostPositions);
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

// to[c][r] = from[r][c], each the rows of one matrix.
void CpuBackend::turn(const View& from_view, std::int64_t rows, std::int64_t columns, const View& to_view) {
    constexpr std::int64_t kRows = 64;  // of a task
    const Rows from = rows_of(from_view), to = rows_of(to_view);
    parallel(ceil_div(rows, kRows), [&](std::int64_t task, int) {
        const std::int64_t first = task * kRows;
        cpu::transpose(*kernels_.tail, from.origin + first * from.stride, from.stride,
                       std::min(kRows, rows - first), columns, to.origin + first, to.stride);
    });
}

// The gradient of a hidden layer's output in d_output becomes that of its sums.
void CpuBackend::flat_hidden_grad(const View& output_view, float scale, const View& d_output_view) {
    const Rows output = rows_of(output_view), d_output = rows_of(d_output_view);
    parallel(output.batch, [&](std::int64_t s, int) {
        float unused = 0;  // flat_dense sums for the bias
        kernels_.tail->hidden_grad(output.row(s, 0), d_output.row(s, 0), d_output.stride, 1, output.length,
                                   scale, &unused);
    });
}

Status CpuBackend::train_flat_tail(const View& h, const Tail& tail, const Labels& labels, const TailLoss& how,
                                   const Slice& loss, const TailGradient& gradient, bool accumulate,
                                   const View& dh_view) noexcept {
    Status status;
    const auto go_on = [&](const auto& step) {
        if (status.code == Status::Code::ok) status = step();
    };
    const auto guard = [&](const auto& body) { go_on([&] { return guarded(body); }); };
    const std::int64_t windows = h.shape.length;
    std::optional<FlatMemory> memory;
    guard([&] {
        memory.emplace(scratch_, tail, windows);
        turn(h, h.shape.channels, windows, memory->x[0]);
    });
    if (!memory) return status;
    const FlatMemory& at = *memory;

    for (int i = 0; i < tail.depth; ++i) {
        const TailLayer& layer = tail.dense[i];
        const View y = at.outputs(layer.out);
        go_on(
            [&] { return run(FlatDense{.x = at.x[i], .weight = layer.weight, .bias = layer.bias, .y = y}); });
        if (i + 1 == tail.depth) break;
        go_on([&] { return run(NormAct{.x = y, .relu = true, .dropout = layer.dropout, .y = y}); });
        guard([&] { turn(y, layer.out, windows, at.x[i + 1]); });
    }
    guard([&] {
        const double total = flat_loss(rows_of(at.outputs(tail.markers())), labels, how);
        floats(loss)[0] += static_cast<float>(total * static_cast<double>(how.scale));
    });
    for (int i = tail.depth - 1; i >= 0; --i) {
        const TailLayer& layer = tail.dense[i];
        const View dy = at.outputs(layer.out), dx = at.d_input(i);
        go_on([&] {
            return run(FlatDenseGradWeight{.x = at.x[i],
                                           .dy = dy,
                                           .d_weight = gradient.dense_weight[i],
                                           .d_bias = gradient.dense_bias[i]});
        });
        go_on([&] { return run(FlatDenseGradInput{.dy = dy, .weight = layer.weight, .dx = dx}); });
        if (i == 0) break;
        const Dropout& dropout = tail.dense[i - 1].dropout;
        guard([&] {
            flat_hidden_grad(at.x[i], dropout.rate > 0 ? dropout_key(dropout).scale : 1.0f, dx);
            turn(dx, windows, layer.in, at.outputs(layer.in));
        });
    }
    guard([&] {
        const Rows from = rows_of(at.d_input(0)), dh = rows_of(dh_view);
        parallel(dh.channels, [&](std::int64_t c, int) {
            float* const to = dh.row(0, c);
            for (std::int64_t s = 0; s < dh.length; ++s)
                to[s] = accumulate ? to[s] + from.row(s, 0)[c] : from.row(s, 0)[c];
            if (!accumulate) dh.zero_edges(to);
        });
    });
    return status;
}

}  // namespace regkit
