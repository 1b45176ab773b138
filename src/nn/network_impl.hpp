// What a Network holds. Internal to src/nn.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "kernels/base/nth.hpp"
#include "kernels/compose.hpp"
#include "nn/layers/kinds.hpp"
#include "nn/network.hpp"
#include "nn/parameters.hpp"
#include "nn/plan.hpp"

namespace regkit {

// Buffers are made for the largest batch and window seen, and seen as smaller ones in between.
struct Capacity {
    std::int64_t batch = 0;
    std::int64_t length = 0;  // bases

    bool holds(const Codes& codes) const { return codes.batch <= batch && codes.length <= length; }
    std::int64_t bases() const { return batch * length; }
    // Calls make(the larger capacity) when it has to grow. Many short windows and a few long ones by turns
    // would come to many long ones: where that is twice what either needs, it is made anew for each. Where
    // make throws, there are no buffers: a capacity of nothing.
    template <typename Make>
    void grow(const Codes& codes, const Make& make) {
        if (holds(codes)) return;
        const Capacity asked{codes.batch, codes.length};
        const Capacity both{std::max(batch, codes.batch), std::max(length, codes.length)};
        const Capacity larger = both.bases() <= 2 * std::max(bases(), asked.bases()) ? both : asked;
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

    Buffer parameters, statistics;     // none of a network that only predicts
    std::vector<Buffer> tables;        // of sequence layers that are not trained; one a layer
    Buffer gradients, adam_m, adam_v;  // made when first needed

    // A flat array and where each layer's part of it lies.
    struct Weights {
        const Buffer& arena;
        std::span<const LayerParameters> places;

        const LayerParameters& at(int layer) const { return nth(places, layer); }
    };
    Weights trained() const { return {parameters, layout.layers()}; }

    // ---- inference
    struct Inference {
        bool current = false;  // `parameters` holds what the network holds now
        Buffer parameters;     // batch norm folded in
        std::vector<LayerParameters> places;
        Capacity capacity;
        std::vector<Buffer> slots;
        std::vector<LstmMemory> lstms;  // one a layer; empty but for LSTMs
        Buffer flat;                    // the tail's input, flattened
        std::vector<float> values;      // of a flat head, [markers][batch]
        std::vector<float> by_window;   // the same, [batch][markers]
    } inference;

    compose::Staging staging;

    // ---- training
    struct LayerState {
        Buffer before;  // the operation's output, where norm or dropout follows; else none
        Buffer output;
        Buffer gradient;       // of `output`, then of `before`; none where nobody asks for it
        bool written = false;  // `gradient` holds a consumer's contribution
        LstmMemory lstm;
    };
    struct TailBuffers {
        Buffer up_norm;       // input mean and covariance, folded weight and bias, and the gradients of those
        Buffer flat, d_flat;  // the tail's input, flattened, and its gradient
    };
    struct Training {
        Capacity capacity;
        std::vector<LayerState> layers;
        std::vector<TailBuffers> tails;
        Buffer moments;  // of the batch, laid out as `statistics`
        Buffer scalars;  // loss, gradient norm
        Buffer sums;     // of a norm's gradients over all ranks; made when first needed
        Buffer discarded;
        // Labels of windows with one output each, as those of one row over the windows.
        std::vector<LabelRun> flat_runs;
        std::vector<std::int64_t> flat_offsets;
    } training;

    // ---- windows that differ in a few bases
    struct ConeLayer {
        std::vector<Buffer> rows;  // what it reads, one an input
        Buffer output;
    };
    struct Cones {
        std::vector<ConeLayer> layers;  // one a layer
        std::vector<std::uint8_t> codes, stretch;
        std::vector<SplicePiece> pieces;
        std::vector<float> values;
    } cones;

    // ---- gradients of the bases
    struct BaseGradients {
        Capacity capacity;
        Plan plan;  // without fused tails
        std::vector<LayerState> layers;
        std::vector<Buffer> bases;     // of sequence layers, N, A, C, G, T; one a layer
        bool between = false;          // sequence layers have outputs, for bases between two
        Buffer symbols;                // these bases as one-hot
        Buffer discarded;              // gradients of parameters that come along
        std::vector<float> by_marker;  // of a flat head, [markers][batch]
        std::vector<float> d_logits;   // of one marker alone
        std::vector<float> more;       // [batch][5][length], in or out
    } base_gradients;

    const LayerSpec& layer(int index) const { return nth(spec.layers, index); }
    const Node& node(int index) const { return nth(graph.nodes, index); }
    const Layer& kind(int index) const { return kind_of(layer(index)); }
    bool is_sequence(int index) const { return index != kSequence && kind(index).reads_sequence(); }
    static Slice slice(const Buffer& arena, Range range) {
        return range.count > 0 ? arena.slice(range.offset, range.count) : Slice{};
    }
    View view(const Buffer& buffer, int index, const Codes& codes) const {
        const Shape shape = graph.shape(index, codes.batch, codes.length);
        return buffer.view(shape.batch, shape.length);
    }
    void make_arenas();
    void require_trained() const;
    void check_window(const Codes& codes) const;

    // network_layers.cpp: what inference and training share
    // The table of a sequence layer, or of one whose sums a layer looks up; else none.
    Slice table(int index, const Weights& weights) const;
    Tail tail(const TailPlan& tail_plan, const Weights& weights) const;  // without dropout
    Buffer make_buffer(int index, const Capacity& capacity, Halo halo) const;
    LstmMemory make_lstm(int index, const Capacity& capacity, bool training) const;  // none but for LSTMs
    Buffer make_flat(const TailPlan& tail_plan, const Capacity& capacity) const;
    // The operation of a layer into y, without its norm and dropout; `relu` as its epilogue. x(layer): an
    // output. `look_up`: what reads a sequence layer takes its sums from the codes, not from its output.
    template <typename Output>
    void run_layer(int index, const Codes& codes, const Weights& weights, const Output& x, LstmMemory& memory,
                   bool relu, const View& y, bool look_up = true) {
        const auto inputs = [&](std::size_t i) { return x(node(index).inputs[i]); };
        forward_layer(index, node(index), codes, weights, inputs, memory, relu, y, look_up);
    }
    // The same with inputs by their number, and as a node that may differ from the graph's in its geometry.
    void forward_layer(int index, const Node& as, const Codes& codes, const Weights& weights,
                       const ByInput<View>& inputs, LstmMemory& memory, bool relu, const View& y,
                       bool look_up = true) {
        const LayerParameters& at = weights.at(index);
        kind(index).forward({.backend = backend,
                             .codes = codes,
                             .layer = layer(index),
                             .node = as,
                             .weight = slice(weights.arena, at.weight),
                             .weight_hh = slice(weights.arena, at.weight_hh),
                             .bias = slice(weights.arena, at.bias),
                             .table = look_up ? table(index, weights) : Slice{},
                             .relu = relu,
                             .memory = &memory,
                             .x = inputs,
                             .y = y});
    }
    // What a backward pass goes over: weights, where the gradients of parameters go, values and gradients.
    struct Pass {
        Weights weights, gradients;
        std::vector<LayerState>& layers;
        // Where the gradients of the bases go, of sequence layers, one a layer; none: nobody asks for them.
        std::span<const Buffer> bases = {};
    };
    // From `dy` of a layer's value, without its norm and ReLU, to the gradients of its inputs; and those of
    // its parameters, if they are wanted. Marks its inputs' as written.
    void backward_input(int index, const Codes& codes, const Pass& pass, const View& dy, bool parameters);

    // network_infer.cpp
    void refresh_inference();
    void prepare_inference(const Codes& codes);
    // What the tail is to be run on: coarse positions [begin, end) of h.
    struct TailRange {
        Tail tail;
        View h;
        std::int64_t begin = 0, end = 0;
        bool flat = false;  // one output a window, which the tail gives as one row over the windows
    };
    TailRange infer_trunk(const Codes& codes, std::int64_t begin, std::int64_t end);
    void infer_flat(const TailRange& range, TailOutput kind, std::span<float> out);
    View slot(int index, const Codes& codes) const;

    // network_cone.cpp
    struct ConeBatch;
    LocalRow local_row(int index, const Lattice& out) const {
        return kind(index).local_row(layer(index), node(index), out);
    }
    View cone_row(ConeBatch& batch, int index, std::size_t input);
    Codes cone_codes(ConeBatch& batch, int index);
    void run_cone_layer(ConeBatch& batch, int index);
    void run_cones(ConeBatch& batch, TailOutput output, const TakeChanged& take);

    // network_train.cpp
    StepResult forward_backward(const Codes& codes, const Labels& labels, const TrainStep& how);
    void prepare_training(const Codes& codes);
    void make_layer(int index, const Capacity& capacity);
    bool keeps_before(int index) const;
    Dropout dropout(int index, const TrainStep& how) const;
    Norm batch_norm(int index) const;
    LayerState& state(int index) { return nth(training.layers, index); }
    void forward_layer(int index, const Codes& codes, const TrainStep& how);
    void backward_layer(int index, const Codes& codes, const TrainStep& how);
    void update_running(const Codes& codes, const TrainStep& how);
    void apply_adam(const AdamStep& how);
    void need_optimiser();

    // network_tail.cpp: the fused tails in training
    struct TailStep;
    void make_tail(std::size_t number, const Capacity& capacity);
    Labels flat_labels(const Codes& codes, const Labels& labels);
    void train_tail(std::size_t number, const Codes& codes, const Labels& labels, const TrainStep& how);
    TailStep tail_step(std::size_t number, const Codes& codes, const TrainStep& how);
    void run_tail(const TailStep& step, const Labels& labels);
    void run_normed_tail(TailStep step, const Codes& codes, const Labels& labels, const TrainStep& how);

    // network_bases.cpp
    void prepare_base_gradients(const Codes& codes, bool between);
    Halo read_beyond(int index) const;
    void write_head_gradient(const Codes& codes, std::span<const float> d_logits);
    void write_between(const Codes& codes, const BetweenCodes& between);
    void forward_to_head(const Codes& codes, const BetweenCodes* between);
    void backward_to_bases(int index, const Codes& codes);
    // Of the last `symbols` of N, A, C, G, T: out [batch][symbols][length].
    void backward_from_head(const Codes& codes, std::span<const float> d_logits, int symbols,
                            std::span<float> out);

    // network_share.cpp: a batch that several ranks share
    static std::int64_t batch_size(const Codes& codes, const TrainStep& how) {
        return how.share.ranks ? how.share.total : codes.batch;
    }
    std::int64_t values_a_channel(int index, const Codes& codes) const {
        return graph.shape(index, codes.batch, codes.length).size() / node(index).channels;
    }
    // From the moments of this rank's `count` values a channel to those of all ranks' values.
    void share_moments(const Norm& norm, std::int64_t count, Communicator& ranks);
    void share_covariance(const UpNormState& state, std::int64_t count, Communicator& ranks);
    void shared_norm_act_grad(int index, const Codes& codes, const Norm& norm, const TrainStep& how,
                              const View& before, const View& dy);
    // Memory for parameter gradients that are not wanted; moves the layer's places into it.
    const Buffer& discarded(LayerParameters& places);
};

}  // namespace regkit
