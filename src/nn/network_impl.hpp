// What a Network holds. Internal to src/nn.
#pragma once

#include <algorithm>
#include <vector>

#include "nn/network.hpp"
#include "nn/parameters.hpp"
#include "nn/plan.hpp"

namespace regkit {

// Buffers are made for the largest batch and window seen, and seen as smaller ones in between.
struct Capacity {
    std::int64_t batch = 0;
    std::int64_t length = 0;  // bases

    bool holds(const Codes& codes) const { return codes.batch <= batch && codes.length <= length; }
    // Calls make(the larger capacity) when it has to grow. Where that throws, there are no buffers: a
    // capacity of nothing.
    template <typename Make>
    void grow(const Codes& codes, const Make& make) {
        if (holds(codes)) return;
        const Capacity larger{std::max(batch, codes.batch), std::max(length, codes.length)};
        *this = {};
        make(larger);
        *this = larger;
    }
};

struct Network::Impl {
    Impl(const Spec& spec, int markers, Backend& backend);

    const Spec spec;
    const int markers;
    Backend& backend;
    const Graph graph;
    const ParameterLayout layout;
    const SpecSummary summary;
    Plan plan;

    Buffer parameters, statistics;
    Buffer gradients, adam_m, adam_v;  // made when first needed

    // ---- inference
    struct Inference {
        bool current = false;  // `parameters` holds what the network holds now
        Buffer parameters;     // batch norm folded in
        Capacity capacity;
        std::vector<Buffer> slots;
    } inference;

    // ---- training
    struct Layer {
        Buffer before;  // convolution's output, where norm or dropout follows; else none
        Buffer output;
        Buffer gradient;       // of `output`, then of `before`
        bool written = false;  // `gradient` holds a consumer's contribution
    };
    struct Training {
        Capacity capacity;
        std::vector<Layer> layers;
        Buffer moments;  // of the batch, laid out as `statistics`
        Buffer scalars;  // loss, gradient norm
        Buffer up_norm;  // input mean and covariance, folded weight and bias, and the gradients of those
    } training;

    const LayerSpec& layer(int index) const { return spec.layers[static_cast<std::size_t>(index)]; }
    const Node& node(int index) const { return graph.nodes[static_cast<std::size_t>(index)]; }
    bool is_embedding(int index) const { return layer(index).type == LayerType::embedding; }
    static Slice slice(const Buffer& arena, Range range) {
        return range.count > 0 ? arena.slice(range.offset, range.count) : Slice{};
    }
    // The tail's weights in `arena`, without dropout.
    Tail tail(const Buffer& arena) const;
    void check_window(const Codes& codes) const;
    std::vector<double> read(const Buffer& arena, std::int64_t count) const;

    // network_infer.cpp
    void refresh_inference();
    void infer(const Codes& codes, std::int64_t begin, std::int64_t end, TailOutput kind,
               std::span<float> out);
    void infer_layer(int index, const Codes& codes);
    View slot(int index, const Codes& codes) const;

    // network_train.cpp
    StepResult forward_backward(const Codes& codes, const Labels& labels, const TrainStep& how);
    void prepare_training(const Codes& codes);
    void make_layer(int index, const Capacity& capacity);
    bool keeps_before(int index) const;
    Dropout dropout(int index, const TrainStep& how) const;
    Norm batch_norm(int index) const;
    View view(const Buffer& buffer, int index, const Codes& codes) const;
    Layer& state(int index) { return training.layers[static_cast<std::size_t>(index)]; }
    void forward_layer(int index, const Codes& codes, const TrainStep& how);
    void backward_layer(int index, const Codes& codes, const TrainStep& how);
    void backward_input(int index, const Codes& codes, const View& dy);
    void copy_or_add(const View& from, int to, const Codes& codes);
    void train_tail(const Codes& codes, const Labels& labels, const TrainStep& how);
    void update_running(const Codes& codes);
    void apply_adam(const AdamStep& how);
    void need_optimiser();
};

}  // namespace regkit
