// Windows that differ from kept ones in a few bases, many at a time. A layer's row of such a window is short:
// the positions that the change reaches, and nothing between them. What it reads is put together of kept
// values and of the values just computed (Splice), and then the layer's own operation runs over it without
// padding, so that every value is the same sum in the same order as in a whole window.
#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <utility>

#include "kernels/base/error.hpp"
#include "nn/cone.hpp"
#include "nn/network_impl.hpp"

namespace regkit {
namespace {

// Of the outputs of a batch: enough windows to share the weights' way through the caches, few enough for
// their values to stay there.
constexpr std::int64_t kBatchBytes = std::int64_t{8} << 20;
constexpr std::int64_t kMostWindows = 64;

// What windows of a batch have in common, so that their rows line up and none is much longer than another.
struct BatchKey {
    const KeptWindows *left, *right;
    bool moved;
    int length;                       // of what is computed of the tail's input: its binary digits
    std::vector<std::int64_t> steps;  // of every layer

    auto operator<=>(const BatchKey&) const = default;
};

// Memory for `shape`: what is there already where that is large enough.
View room(Backend& backend, Buffer& buffer, const Shape& shape) {
    const Shape& held = buffer.shape();
    if (!buffer || held.batch < shape.batch || held.length < shape.length)
        buffer = backend.alloc(
            {std::max(held.batch, shape.batch), shape.channels, std::max(held.length, shape.length)});
    return buffer.view(shape.batch, shape.length);
}

}  // namespace

struct Network::Impl::ConeBatch {
    std::span<const ChangedWindow> windows;            // all of the call
    std::span<const std::size_t> chosen;               // those of the batch
    std::vector<const std::vector<LayerCone>*> cones;  // of each of these
    const std::vector<Buffer>& left;                   // of all of them
    const std::vector<Buffer>& right;
    const FetchChanged& fetch;
    std::vector<std::int64_t> count;  // positions computed of each layer: the most of any window

    const ChangedWindow& window(std::size_t i) const { return windows[chosen[i]]; }
    std::int64_t size() const { return std::ssize(chosen); }
    // Of the i-th window: what is computed, with as many positions as all of the batch.
    Lattice computed(std::size_t i, int index) const {
        const Lattice& own = nth(*cones[i], index).computed;
        return {own.first, own.step, nth(count, index)};
    }
};

// What a layer reads of its input: a row for each window.
View Network::Impl::cone_row(ConeBatch& batch, int index, std::size_t input) {
    const int from = node(index).inputs[input];
    const Shape shape{batch.size(), node(from).channels, 0};
    const std::int64_t changed_count = nth(batch.count, from);
    std::vector<SplicePiece>& pieces = cones.pieces;
    pieces.clear();
    bool same = true;  // the row is what was computed, no more
    Lattice row;
    for (std::size_t i = 0; i < batch.chosen.size(); ++i) {
        const ChangedWindow& window = batch.window(i);
        row = local_row(index, batch.computed(i, index)).row;
        const LayerCone& source = nth(*batch.cones[i], from);
        const Lattice changed = batch.computed(i, from);
        same = same && row == changed;
        pieces.push_back(
            {.left = window.left_sample,
             .right = window.right_sample,
             .first = row.first,
             .border = window.moved ? source.reached.end() : std::numeric_limits<std::int64_t>::max(),
             .shift = window.shift / node(from).scale,
             .changed = changed.first});
    }
    ConeLayer& memory = nth(cones.layers, from);
    const View changed = changed_count > 0 ? memory.output.view(batch.size(), changed_count) : View{};
    if (same && changed.data) return changed;
    const View y =
        room(backend, nth(cones.layers, index).rows[input], {shape.batch, shape.channels, row.count});
    const ChangedWindow& first = batch.window(0);
    const auto kept = [&](const std::vector<Buffer>& outputs, const KeptWindows& windows) {
        const Shape full = graph.shape(from, windows.batch(), windows.length());
        return nth(outputs, from).view(full.batch, full.length);
    };
    backend(Splice{.left = kept(batch.left, *first.left),
                   .right = kept(batch.right, *first.right),
                   .changed = changed,
                   .step = row.step,
                   .changed_step = changed_count > 1 ? nth(*batch.cones[0], from).computed.step : row.step,
                   .pieces = pieces,
                   .y = y});
    return y;
}

// What a layer that looks its sums up reads: a row of codes for each window.
Codes Network::Impl::cone_codes(ConeBatch& batch, int index) {
    const std::int64_t length = local_row(index, batch.computed(0, index)).row.count;
    cones.codes.resize(static_cast<std::size_t>(batch.size() * length));
    auto to = cones.codes.begin();
    for (std::size_t i = 0; i < batch.chosen.size(); ++i) {
        const Lattice row = local_row(index, batch.computed(i, index)).row;
        cones.stretch.resize(static_cast<std::size_t>(row.end() - row.first));
        batch.fetch(batch.chosen[i], row.first, cones.stretch);
        for (std::int64_t j = 0; j < length; ++j) *to++ = nth(cones.stretch, j * row.step);
    }
    return {cones.codes.data(), batch.size(), length};
}

void Network::Impl::run_cone_layer(ConeBatch& batch, int index) {
    const std::int64_t count = nth(batch.count, index);
    if (count == 0) return;
    ConeLayer& memory = nth(cones.layers, index);
    memory.rows.resize(node(index).inputs.size());
    Codes codes;
    std::vector<View> inputs;
    if (is_sequence(node(index).inputs[0]))
        codes = cone_codes(batch, index);
    else
        for (std::size_t i = 0; i < node(index).inputs.size(); ++i)
            inputs.push_back(cone_row(batch, index, i));
    Node local = node(index);
    local.geometry = local_row(index, batch.computed(0, index)).geometry;
    LstmMemory none;
    forward_layer(
        index, local, codes, {inference.parameters, inference.places},
        [&](std::size_t i) { return inputs[i]; }, none, layer(index).relu,
        room(backend, memory.output, {batch.size(), node(index).channels, count}));
}

bool Network::has_cones() const {
    return regkit::has_cones(impl_->spec, impl_->graph, impl_->plan);
}

double Network::kept_bytes_per_base() const {
    double bytes = 0;
    for (const int index : impl_->plan.inference)
        bytes += 4.0 * impl_->node(index).channels / impl_->node(index).scale;
    return bytes;
}

void Network::keep(const Codes& codes, KeptWindows& kept) {
    Impl& n = *impl_;
    require(has_cones(), ErrorKind::usage, "keep: every base of this model reaches every output");
    n.check_window(codes);
    n.refresh_inference();
    kept.outputs_.resize(n.spec.layers.size());
    const auto x = [&](int from) { return n.view(nth(kept.outputs_, from), from, codes); };
    LstmMemory none;
    for (const int index : n.plan.inference) {
        Buffer& output = nth(kept.outputs_, index);
        const Shape shape = n.graph.shape(index, codes.batch, codes.length);
        if (!output || output.shape().batch < shape.batch || output.shape().length < shape.length) {
            output = {};  // first give back, then take
            output = n.make_buffer(index, {codes.batch, codes.length}, nth(n.plan.halo, index));
        }
        n.run_layer(index, codes, {n.inference.parameters, n.inference.places}, x, none, n.layer(index).relu,
                    x(index));
    }
    kept.batch_ = codes.batch;
    kept.length_ = codes.length;
}

void Network::infer_kept(const KeptWindows& kept, std::int64_t begin, std::int64_t end, TailOutput kind,
                         std::span<float> out) {
    Impl& n = *impl_;
    const TailPlan& last = n.plan.tails.back();
    const int scale = n.node(last.input).scale;
    const Shape shape = n.graph.shape(last.input, kept.batch_, kept.length_);
    n.backend(TailInfer{.h = nth(kept.outputs_, last.input).view(shape.batch, shape.length),
                        .tail = n.tail(last, {n.inference.parameters, n.inference.places}),
                        .begin = begin / scale,
                        .end = end / scale,
                        .kind = kind,
                        .out = out});
}

void Network::infer_changed(std::span<const ChangedWindow> windows, const FetchChanged& fetch,
                            TailOutput kind, const TakeChanged& take) {
    Impl& n = *impl_;
    const TailPlan& last = n.plan.tails.back();
    const int scale = n.node(last.input).scale;
    std::vector<std::vector<LayerCone>> cones;
    std::map<BatchKey, std::vector<std::size_t>> alike;
    for (std::size_t i = 0; i < windows.size(); ++i) {
        const ChangedWindow& w = windows[i];
        require(w.shift % n.graph.stride == 0, ErrorKind::usage, "infer_changed: a shift between cells");
        cones.push_back(cone_of(n.spec, n.graph, n.plan, {w.begin, w.end, w.moved},
                                {w.out_begin / scale, w.out_end / scale - 1}));
        const auto wanted = static_cast<std::uint64_t>(nth(cones.back(), last.input).computed.count);
        if (wanted == 0) continue;
        BatchKey key{w.left, w.right, w.moved, static_cast<int>(std::bit_width(wanted)), {}};
        for (const int index : n.plan.inference) key.steps.push_back(nth(cones.back(), index).computed.step);
        alike[key].push_back(i);
    }
    for (const auto& [key, members] : alike) {
        const std::int64_t bytes = (std::int64_t{4} << key.length) * last.stride * n.markers;
        const auto most =
            static_cast<std::size_t>(std::clamp<std::int64_t>(kBatchBytes / bytes, 1, kMostWindows));
        for (std::size_t begin = 0; begin < members.size(); begin += most) {
            Impl::ConeBatch batch{windows,
                                  std::span(members).subspan(begin),
                                  {},
                                  key.left->outputs_,
                                  key.right->outputs_,
                                  fetch,
                                  {}};
            batch.chosen = batch.chosen.first(std::min(most, batch.chosen.size()));
            for (const std::size_t i : batch.chosen) batch.cones.push_back(&cones[i]);
            n.run_cones(batch, kind, take);
        }
    }
}

void Network::Impl::run_cones(ConeBatch& batch, TailOutput output, const TakeChanged& take) {
    const TailPlan& last = plan.tails.back();
    const int scale = node(last.input).scale;
    cones.layers.resize(spec.layers.size());
    batch.count.resize(spec.layers.size());
    for (const std::vector<LayerCone>* cone : batch.cones)
        for (const int index : plan.inference)
            nth(batch.count, index) = std::max(nth(batch.count, index), nth(*cone, index).computed.count);
    for (const int index : plan.inference) run_cone_layer(batch, index);
    const std::int64_t cells = nth(batch.count, last.input);
    cones.values.resize(static_cast<std::size_t>(batch.size() * markers * cells * last.stride));
    backend(TailInfer{.h = nth(cones.layers, last.input).output.view(batch.size(), cells),
                      .tail = tail(last, {inference.parameters, inference.places}),
                      .begin = 0,
                      .end = cells,
                      .kind = output,
                      .out = cones.values});
    std::vector<std::int64_t> first;
    for (const std::vector<LayerCone>* cone : batch.cones)
        first.push_back(nth(*cone, last.input).computed.first * scale);
    take({.windows = batch.chosen,
          .first = first,
          .step = nth(*batch.cones[0], last.input).computed.step * scale,
          .cells = cells,
          .cell = scale,
          .outputs = last.stride,
          .values = cones.values});
}

}  // namespace regkit
