// Inference: running statistics folded into the weights, outputs in shared buffers, then the fused tail.
#include <algorithm>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/network_impl.hpp"

namespace regkit {

void Network::Impl::refresh_inference() {
    if (inference.current) return;
    require_trained();
    InferenceLayout places = inference_layout(layout);
    if (!inference.parameters) {
        inference.parameters = backend.alloc_flat(places.count);
        inference.parameters.set_constant();
    }
    std::vector<double> running(static_cast<std::size_t>(layout.statistic_count()));
    if (statistics) backend.read(statistics.slice(), std::span<double>(running));
    const auto read = [&](std::int64_t offset, std::span<double> values) {
        backend.read(parameters.slice(offset, std::ssize(values)), values);
    };
    const auto write = [&](std::int64_t offset, std::span<const float> values) {
        backend.write(inference.parameters.slice(offset, std::ssize(values)), values);
    };
    fold_norms(spec, graph, layout, read, running, write);
    inference.places = std::move(places.layers);
    inference.current = true;
}

View Network::Impl::slot(int index, const Codes& codes) const {
    const auto number = static_cast<std::size_t>(nth(plan.slot, index));
    return view(inference.slots[number], index, codes);
}

void Network::Impl::prepare_inference(const Codes& codes) {
    inference.capacity.grow(codes, [&](const Capacity& capacity) {
        inference.slots.clear();  // first give back, then take
        inference.lstms.clear();
        inference.flat = {};
        for (const Plan::Slot& s : plan.slots)
            inference.slots.push_back(make_buffer(s.layer, capacity, s.halo));
        inference.lstms.resize(spec.layers.size());
        for (const int index : plan.inference)
            nth(inference.lstms, index) = make_lstm(index, capacity, false);
        inference.flat = make_flat(plan.tails.back(), capacity);
    });
}

Network::Impl::TailRange Network::Impl::infer_trunk(const Codes& codes, std::int64_t begin,
                                                    std::int64_t end) {
    check_window(codes);
    require(begin >= 0 && begin <= end && end <= codes.length && begin % graph.stride == 0 &&
                end % graph.stride == 0,
            ErrorKind::usage, "infer: the range must lie in the window and be a multiple of the stride");
    refresh_inference();
    prepare_inference(codes);
    const Weights weights{inference.parameters, inference.places};
    const auto x = [&](int from) { return slot(from, codes); };
    for (const int index : plan.inference)
        run_layer(index, codes, weights, x, nth(inference.lstms, index), layer(index).relu,
                  slot(index, codes));
    const TailPlan& last = plan.tails.back();
    TailRange range{tail(last, weights), slot(last.input, codes), 0, 0,
                    last.flatten || node(last.input).flat};
    if (last.flatten) {
        const View flat = inference.flat.view(1, codes.batch);
        backend(Flatten{.x = range.h, .y = flat});
        range.h = flat;
    }
    if (range.flat || graph.fixed_window) {
        require(range.flat || (begin == 0 && end == codes.length), ErrorKind::usage,
                "infer: of a model with a fixed window, only the whole can be asked for");
        range.end = range.h.shape.length;
    } else {
        const int scale = node(last.input).scale;
        range.begin = begin / scale;
        range.end = end / scale;
    }
    return range;
}

void Network::Impl::infer_flat(const TailRange& range, TailOutput kind, std::span<float> out) {
    const std::int64_t batch = range.h.shape.length;
    require(static_cast<std::int64_t>(out.size()) == batch * markers, ErrorKind::usage,
            "infer: there must be one value a window and marker");
    inference.values.resize(out.size());
    backend(TailInfer{
        .h = range.h, .tail = range.tail, .begin = 0, .end = batch, .kind = kind, .out = inference.values});
    for (std::int64_t s = 0; s < batch; ++s)
        for (int m = 0; m < markers; ++m) nth(out, s * markers + m) = nth(inference.values, m * batch + s);
}

void Network::infer(const Codes& codes, std::int64_t begin, std::int64_t end, TailOutput kind,
                    std::span<float> out) {
    const Impl::TailRange range = impl_->infer_trunk(codes, begin, end);
    if (range.flat) return impl_->infer_flat(range, kind, out);
    impl_->backend(TailInfer{
        .h = range.h, .tail = range.tail, .begin = range.begin, .end = range.end, .kind = kind, .out = out});
}

void Network::infer_codes(const Codes& codes, std::int64_t begin, std::int64_t end,
                          std::span<std::uint8_t> out) {
    const Impl::TailRange range = impl_->infer_trunk(codes, begin, end);
    if (!range.flat) {
        const TailCodes op{
            .h = range.h, .tail = range.tail, .begin = range.begin, .end = range.end, .out = out};
        return compose::tail_codes(impl_->backend, op, impl_->staging);
    }
    std::vector<float>& logits = impl_->inference.by_window;
    logits.resize(out.size());
    impl_->infer_flat(range, TailOutput::logits, logits);
    std::transform(logits.begin(), logits.end(), out.begin(), logit_code);
}

void Network::infer_runs(const Codes& codes, std::int64_t begin, std::int64_t end, TailOutput kind,
                         std::span<const float> cutoffs, CalledRuns& out) {
    const Impl::TailRange range = impl_->infer_trunk(codes, begin, end);
    if (!range.flat) {
        const TailRuns op{.h = range.h,
                          .tail = range.tail,
                          .begin = range.begin,
                          .end = range.end,
                          .kind = kind,
                          .cutoffs = cutoffs,
                          .out = &out};
        return compose::tail_runs(impl_->backend, op, impl_->staging);
    }
    require(std::ssize(cutoffs) == markers(), ErrorKind::usage, "infer_runs: one cutoff a marker");
    // Few values, and not in the order of the windows.
    std::vector<float>& values = impl_->inference.by_window;
    values.resize(static_cast<std::size_t>(codes.batch * markers()));
    impl_->infer_flat(range, kind, values);
    out.clear();
    for (std::int64_t s = 0; s < codes.batch; ++s)
        for (int m = 0; m < markers(); ++m)
            out.append_row(static_cast<std::int32_t>(s), m,
                           std::span(values).subspan(static_cast<std::size_t>(s * markers() + m), 1),
                           nth(cutoffs, m));
}

}  // namespace regkit
