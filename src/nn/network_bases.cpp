// The gradient of chosen logits with respect to the bases, for attributions (saliency; Simonyan, Vedaldi and
// Zisserman 2013). As inference: running statistics, folded into the weights, and no dropout. All values
// stay, layer by layer, the tail's too, and gradients go back through the same layers to the rows of the
// sequence layers' tables and from there to the bases.
#include <algorithm>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/network_impl.hpp"

namespace regkit {

void Network::Impl::prepare_base_gradients(const Codes& codes) {
    BaseGradients& b = base_gradients;
    if (b.layers.empty()) b.plan = make_plan(spec, graph, false);
    b.capacity.grow(codes, [&](const Capacity& capacity) {
        b.layers.clear();  // first give back, then take
        b.bases.clear();
        b.layers.resize(spec.layers.size());
        b.bases.resize(spec.layers.size());
        const auto gradient = [&](int index) {
            return make_buffer(index, capacity, kind(index).gradient_halo(node(index)));
        };
        const auto at = [](int index) { return static_cast<std::size_t>(index); };
        for (const int index : b.plan.inference) {
            b.layers[at(index)].output = make_buffer(index, capacity, b.plan.halo[at(index)]);
            b.layers[at(index)].lstm = make_lstm(index, capacity, true);
        }
        for (const int index : b.plan.ancestors) {
            b.layers[at(index)].gradient = gradient(index);
            if (is_sequence(index))
                b.bases[at(index)] = backend.alloc({capacity.batch, kBases, capacity.length});
            if (kind(index).grads_come_together() && !b.discarded)
                b.discarded = backend.alloc_flat(layout.parameter_count());
        }
    });
    for (LayerState& l : b.layers) l.written = false;
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

void Network::base_gradients(const Codes& codes, std::span<const float> d_logits, std::span<float> out) {
    Impl& n = *impl_;
    n.check_window(codes);
    require(static_cast<std::int64_t>(out.size()) == codes.batch * kBases * codes.length, ErrorKind::usage,
            "base_gradients: there must be one value a window, base and position");
    n.refresh_inference();
    n.prepare_base_gradients(codes);
    Impl::BaseGradients& b = n.base_gradients;
    const Impl::Weights weights{n.inference.parameters, n.inference.places};
    const auto x = [&](int from) { return n.view(nth(b.layers, from).output, from, codes); };
    for (const int index : b.plan.inference) {
        Impl::LayerState& s = nth(b.layers, index);
        n.run_layer(index, codes, weights, x, s.lstm, n.layer(index).relu, n.view(s.output, index, codes));
    }
    n.write_head_gradient(codes, d_logits);
    std::fill(out.begin(), out.end(), 0.0f);
    for (auto index = b.plan.ancestors.rbegin(); index != b.plan.ancestors.rend(); ++index) {
        n.backward_to_bases(*index, codes);
        if (!n.is_sequence(*index)) continue;
        b.more.resize(out.size());
        n.backend.read(nth(b.bases, *index).view(codes.batch, codes.length), std::span<float>(b.more));
        for (std::size_t i = 0; i < out.size(); ++i) out[i] += b.more[i];
    }
}

}  // namespace regkit
