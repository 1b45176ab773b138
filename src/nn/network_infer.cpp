// Inference: running statistics folded into the weights, outputs in shared buffers, then the fused tail.
#include "base/error.hpp"
#include "nn/network_impl.hpp"

namespace regkit {

void Network::Impl::refresh_inference() {
    if (inference.current) return;
    InferenceParameters folded =
        fold_norms(spec, graph, layout, read(parameters, layout.parameter_count()),
                   read(statistics, layout.statistic_count()));
    if (!inference.parameters)
        inference.parameters = backend.alloc_flat(static_cast<std::int64_t>(folded.values.size()));
    backend.write(inference.parameters.slice(), std::span<const float>(folded.values));
    inference.places = std::move(folded.layers);
    inference.current = true;
}

View Network::Impl::slot(int index, const Codes& codes) const {
    const auto number = static_cast<std::size_t>(plan.slot[static_cast<std::size_t>(index)]);
    return view(inference.slots[number], index, codes);
}

void Network::Impl::prepare_inference(const Codes& codes) {
    inference.capacity.grow(codes, [&](const Capacity& capacity) {
        inference.slots.clear();  // first give back, then take
        inference.recurrences.clear();
        inference.flat = {};
        for (const Plan::Slot& s : plan.slots) inference.slots.push_back(make_buffer(s.layer, capacity, s.halo));
        inference.recurrences.resize(spec.layers.size());
        for (const int index : plan.inference)
            inference.recurrences[static_cast<std::size_t>(index)] = make_recurrence(index, capacity);
        inference.flat = make_flat(plan.tails.back(), capacity);
    });
}

// One output a window, which the tail gives as one row over the windows.
void Network::Impl::infer_flat(const View& h, const Tail& t, TailOutput kind, std::span<float> out) {
    const std::int64_t batch = h.shape.length;
    require(static_cast<std::int64_t>(out.size()) == batch * markers, ErrorKind::usage,
            "infer: there must be one value a window and marker");
    inference.values.resize(out.size());
    backend.tail_infer(h, t, 0, batch, kind, inference.values);
    for (std::int64_t s = 0; s < batch; ++s)
        for (int m = 0; m < markers; ++m)
            out[static_cast<std::size_t>(s * markers + m)] = inference.values[static_cast<std::size_t>(m * batch + s)];
}

void Network::Impl::infer(const Codes& codes, std::int64_t begin, std::int64_t end, TailOutput kind,
                          std::span<float> out) {
    check_window(codes);
    require(begin >= 0 && begin <= end && end <= codes.length && begin % graph.stride == 0 &&
                end % graph.stride == 0,
            ErrorKind::usage, "infer: the range must lie in the window and be a multiple of the stride");
    refresh_inference();
    prepare_inference(codes);
    const Weights weights{inference.parameters, inference.places};
    const auto x = [&](int from) { return slot(from, codes); };
    for (const int index : plan.inference)
        run_layer(index, codes, weights, x, inference.recurrences[static_cast<std::size_t>(index)],
                  layer(index).relu, slot(index, codes));
    const TailPlan& last = plan.tails.back();
    const Tail t = tail(last, weights);
    const View h = slot(last.input, codes);
    if (last.flatten) {
        const View flat = inference.flat.view(1, codes.batch);
        backend.flatten(h, flat);
        infer_flat(flat, t, kind, out);
    } else if (node(last.input).flat) {
        infer_flat(h, t, kind, out);
    } else if (graph.fixed_window) {
        const bool all = begin == 0 && end == codes.length;
        require(all, ErrorKind::usage, "infer: of a model with a fixed window, only the whole can be asked for");
        backend.tail_infer(h, t, 0, h.shape.length, kind, out);
    } else {
        const int scale = node(last.input).scale;
        backend.tail_infer(h, t, begin / scale, end / scale, kind, out);
    }
}

}  // namespace regkit
