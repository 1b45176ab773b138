// The gradient of chosen logits with respect to the bases, for attributions (saliency; Simonyan, Vedaldi and
// Zisserman 2013). As inference: running statistics, folded into the weights, and no dropout. All values
// stay, layer by layer, the tail's too, and gradients go back through the same layers to the rows of the
// sequence layers' tables and from there to the bases.
//
// Bases between two are rows between two of a table: they are made by the transpose of the step that takes
// the gradient of rows to that of bases, and the convolutions that read them have nothing to look up then.
#include <algorithm>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/network_impl.hpp"

namespace regkit {

void Network::Impl::prepare_base_gradients(const Codes& codes, bool between) {
    BaseGradients& b = base_gradients;
    if (b.layers.empty()) b.plan = make_plan(spec, graph, false);
    if (between && !b.between) b.capacity = {};  // rows of the sequence layers have no buffers yet
    b.between = b.between || between;
    b.capacity.grow(codes, [&](const Capacity& capacity) {
        b.layers.clear();  // first give back, then take
        b.bases.clear();
        b.symbols = {};
        b.layers.resize(spec.layers.size());
        b.bases.resize(spec.layers.size());
        const auto gradient = [&](int index) {
            return make_buffer(index, capacity, kind(index).gradient_halo(node(index)));
        };
        const auto at = [](int index) { return static_cast<std::size_t>(index); };
        const Shape symbols{capacity.batch, kSymbols, capacity.length};
        if (b.between) b.symbols = backend.alloc(symbols);
        for (const int index : b.plan.inference) {
            b.layers[at(index)].output = make_buffer(index, capacity, b.plan.halo[at(index)]);
            b.layers[at(index)].lstm = make_lstm(index, capacity, true);
        }
        for (const int index : b.plan.ancestors) {
            b.layers[at(index)].gradient = gradient(index);
            if (is_sequence(index)) {
                b.bases[at(index)] = backend.alloc(symbols);
                if (b.between) b.layers[at(index)].output = make_buffer(index, capacity, read_beyond(index));
            }
            if (kind(index).grads_come_together() && !b.discarded)
                b.discarded = backend.alloc_flat(layout.parameter_count());
        }
    });
}

// What the readers of a layer read beyond its row.
Halo Network::Impl::read_beyond(int index) const {
    Halo most;
    for (const int reader : node(index).consumers) {
        const Halo halo = kind(reader).input_halo(node(reader));
        most = {std::max(most.left, halo.left), std::max(most.right, halo.right)};
    }
    return most;
}

// A head over one row of windows has its values marker by marker.
void Network::Impl::write_head_gradient(const Codes& codes, std::span<const float> d_logits) {
    const View to = view(nth(base_gradients.layers, graph.head).gradient, graph.head, codes);
    require(static_cast<std::int64_t>(d_logits.size()) == to.shape.size(), ErrorKind::usage,
            "base_gradients: there must be one weight a window, marker and output");
    if (!node(graph.head).flat) return backend.write(to, d_logits);
    std::vector<float>& values = base_gradients.by_marker;
    values.resize(d_logits.size());
    for (std::int64_t s = 0; s < codes.batch; ++s)
        for (int m = 0; m < markers; ++m) nth(values, m * codes.batch + s) = nth(d_logits, s * markers + m);
    backend.write(to, std::span<const float>(values));
}

void Network::Impl::write_between(const Codes& codes, const BetweenCodes& between) {
    BaseGradients& b = base_gradients;
    b.more.assign(static_cast<std::size_t>(codes.batch * kSymbols * codes.length), 0.0f);
    for (std::int64_t s = 0; s < codes.batch; ++s) {
        const float share = nth(between.share, s);
        for (std::int64_t i = 0; i < codes.length; ++i) {
            const std::int64_t at = s * codes.length + i;
            const auto of = [&](std::uint8_t code) -> float& {
                return nth(b.more, (s * kSymbols + code) * codes.length + i);
            };
            of(codes.data[at]) += share;
            of(nth(between.from, at)) += 1 - share;
        }
    }
    const View symbols = b.symbols.view(codes.batch, codes.length);
    backend.write(symbols, std::span<const float>(b.more));
    for (const int index : b.plan.ancestors)
        if (is_sequence(index))
            backend(ConvGradInput{.dy = symbols,
                                  .weight = table(index, {inference.parameters, inference.places}),
                                  .dx = view(nth(b.layers, index).output, index, codes)});
}

void Network::Impl::forward_to_head(const Codes& codes, const BetweenCodes* between) {
    BaseGradients& b = base_gradients;
    const Weights weights{inference.parameters, inference.places};
    const auto x = [&](int from) { return view(nth(b.layers, from).output, from, codes); };
    if (between) write_between(codes, *between);
    for (const int index : b.plan.inference) {
        if (between && is_sequence(index)) continue;
        LayerState& s = nth(b.layers, index);
        run_layer(index, codes, weights, x, s.lstm, layer(index).relu, view(s.output, index, codes),
                  between == nullptr);
    }
}

void Network::Impl::backward_to_bases(int index, const Codes& codes) {
    BaseGradients& b = base_gradients;
    LayerState& s = nth(b.layers, index);
    const View dy = view(s.gradient, index, codes);
    const Weights weights{inference.parameters, inference.places};
    if (layer(index).relu)
        backend(NormActGrad{.x = view(s.output, index, codes), .dy = dy, .relu = true, .dx = dy});
    const Weights discarded{b.discarded, layout.layers()};
    backward_input(index, codes, {weights, discarded, b.layers, b.bases}, dy, false);
}

void Network::Impl::backward_from_head(const Codes& codes, std::span<const float> d_logits, int symbols,
                                       std::span<float> out) {
    BaseGradients& b = base_gradients;
    for (LayerState& l : b.layers) l.written = false;
    write_head_gradient(codes, d_logits);
    std::fill(out.begin(), out.end(), 0.0f);
    b.more.resize(static_cast<std::size_t>(codes.batch * kSymbols * codes.length));
    const auto wanted = static_cast<std::size_t>(symbols * codes.length),
               skipped = static_cast<std::size_t>((kSymbols - symbols) * codes.length);
    for (auto index = b.plan.ancestors.rbegin(); index != b.plan.ancestors.rend(); ++index) {
        backward_to_bases(*index, codes);
        if (!is_sequence(*index)) continue;
        backend.read(nth(b.bases, *index).view(codes.batch, codes.length), std::span<float>(b.more));
        auto from = b.more.begin();
        for (auto to = out.begin(); to != out.end();) {
            from += static_cast<std::ptrdiff_t>(skipped);
            for (std::size_t i = 0; i < wanted; ++i) *to++ += *from++;
        }
    }
}

double Network::gradient_bytes_per_base() const {
    const Impl& n = *impl_;
    const Plan plan = make_plan(n.spec, n.graph, false);
    double values = 0;  // of a window
    const auto size = [&](int index) {
        return static_cast<double>(n.graph.shape(index, 1, n.spec.window).size());
    };
    for (const int index : plan.inference)
        values += size(index) * (n.kind(index).needs_memory() ? 6 : 1);  // with gates and cells
    for (const int index : plan.ancestors) values += size(index);
    const double bases = static_cast<double>(n.spec.window);
    return 4 * (values / bases + 3 * kSymbols);
}

void Network::base_gradients(const Codes& codes, std::span<const float> d_logits, std::span<float> out) {
    Impl& n = *impl_;
    n.check_window(codes);
    require(static_cast<std::int64_t>(out.size()) == codes.batch * kBases * codes.length, ErrorKind::usage,
            "base_gradients: there must be one value a window, base and position");
    n.refresh_inference();
    n.prepare_base_gradients(codes, false);
    n.forward_to_head(codes, nullptr);
    n.backward_from_head(codes, d_logits, kBases, out);
}

void Network::symbol_gradients(const Codes& codes, const BetweenCodes* between,
                               std::span<const float> weights, std::span<const int> markers,
                               std::span<float> out) {
    Impl& n = *impl_;
    n.check_window(codes);
    require(!between || (std::ssize(between->share) == codes.batch &&
                         std::ssize(between->from) == codes.batch * codes.length),
            ErrorKind::usage, "symbol_gradients: bases between two have two windows and a share each");
    const std::int64_t one = codes.batch * kSymbols * codes.length;
    require(std::ssize(out) == std::ssize(markers) * one && std::ssize(weights) % codes.batch == 0,
            ErrorKind::usage, "symbol_gradients: there must be one value a marker, window, symbol and base");
    n.refresh_inference();
    n.prepare_base_gradients(codes, between != nullptr);
    const bool forgets = std::ranges::any_of(n.base_gradients.plan.inference,
                                             [&](int index) { return n.kind(index).needs_memory(); });
    const std::int64_t outputs = std::ssize(weights) / codes.batch;
    std::vector<float>& d_logits = n.base_gradients.d_logits;
    for (std::int64_t i = 0; i < std::ssize(markers); ++i) {
        if (i == 0 || forgets) n.forward_to_head(codes, between);
        d_logits.assign(static_cast<std::size_t>(codes.batch * n.markers * outputs), 0.0f);
        for (std::int64_t s = 0; s < codes.batch; ++s)
            std::copy_n(weights.begin() + s * outputs, outputs,
                        d_logits.begin() + (s * n.markers + nth(markers, i)) * outputs);
        n.backward_from_head(codes, d_logits, kSymbols,
                             out.subspan(static_cast<std::size_t>(i * one), static_cast<std::size_t>(one)));
    }
}

}  // namespace regkit
