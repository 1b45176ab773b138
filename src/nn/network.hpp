// A Spec bound to a Backend: parameters, buffers, forward and backward. Written once over the operations of
// kernels/backend.hpp. Not thread-safe: one caller at a time (the back end has the threads).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/named_tensor.hpp"
#include "kernels/backend.hpp"
#include "nn/parameter_info.hpp"
#include "nn/spec.hpp"

namespace regkit {

struct TrainStep {
    std::uint64_t seed = 0;  // of dropout
    std::uint64_t step = 0;  // optimiser step, from 0: dropout's counter
    float pos_weight = 1;
    float dropout_scale = 1;  // multiplies the spec's rate; 0 turns dropout off (gradient checks)
    // Where several ranks share the batch, codes and labels are this rank's part of it; loss, moments and
    // gradients are the whole batch's, on every rank.
    BatchShare share = {};
};

struct StepResult {
    double loss = 0;       // mean over positions and markers, heads weighted
    double grad_norm = 0;  // Euclidean, before clipping
    bool finite() const;   // false: training diverged; parameters were not touched
};

// What Network::load checks, before a network is made, or, without values, before they are read: of a file
// that nobody vouches for, the spec alone could ask for any amount of memory (nn/cost.hpp). Running variances
// are not negative. Error(input) that begins with `source`.
void check_tensors(const Spec& spec, int markers, const std::vector<NamedTensor>& tensors, bool with_values,
                   const std::string& source);

// What every layer gives for some windows, kept so that windows that differ from them in a few bases can be
// computed without all the rest. Must not outlive the back end of the network that filled it.
class KeptWindows {
  public:
    std::int64_t batch() const { return batch_; }
    std::int64_t length() const { return length_; }

  private:
    friend class Network;
    std::int64_t batch_ = 0, length_ = 0;
    std::vector<Buffer> outputs_;  // one a layer; none of those that the prediction does not need
};

// A window whose bases are those of a kept one, `left`, but for [begin, end), which are new. Behind these it
// has the bases of `right`: base p is base p - shift of that. For replaced bases `right` is `left` and shift
// 0; where bases were inserted or deleted, `moved` says that what follows lies elsewhere. `shift` is a
// multiple of the stride. All positions count from the first base of `left`.
struct ChangedWindow {
    const KeptWindows* left = nullptr;
    const KeptWindows* right = nullptr;
    std::int64_t left_sample = 0, right_sample = 0;
    std::int64_t begin = 0, end = 0;
    std::int64_t shift = 0;
    bool moved = false;
    std::int64_t out_begin = 0, out_end = 0;  // bases whose outputs are wanted; multiples of the stride
};

// Outputs of some changed windows that can differ from those of the kept ones: of window number `windows[i]`
// the cells of `cell` bases that begin at base first[i] + j * step, j < cells; the same number for all, so
// that some may lie outside of what was wanted, and those mean nothing.
struct ChangedOutputs {
    std::span<const std::size_t> windows;
    std::span<const std::int64_t> first;
    std::int64_t step = 1, cells = 0, cell = 1;
    std::int64_t outputs = 1;       // of a cell
    std::span<const float> values;  // [windows][markers][cells * outputs]

    // Those of a marker of the i-th of the windows.
    std::span<const float> row(std::size_t i, int markers, int marker) const {
        const auto each = static_cast<std::size_t>(cells * outputs);
        return values.subspan(
            (i * static_cast<std::size_t>(markers) + static_cast<std::size_t>(marker)) * each, each);
    }
};
using TakeChanged = std::function<void(const ChangedOutputs&)>;
// Codes of changed window number `window` from position `begin` of it on, wherever asked for near what
// changed.
using FetchChanged =
    std::function<void(std::size_t window, std::int64_t begin, std::span<std::uint8_t> codes)>;

// Windows on the way from others: as one-hot, every base of window s is share[s] times its own and the rest
// that of `from` [batch][length].
struct BetweenCodes {
    std::span<const std::uint8_t> from;
    std::span<const float> share;  // [batch]
};

class Network {
  public:
    // Throws Error(input) when the spec does not fit. `backend` must outlive the network.
    Network(const Spec& spec, int markers, Backend& backend);
    ~Network();
    Network(Network&&) noexcept;

    const Spec& spec() const;
    int markers() const;
    const SpecSummary& summary() const;

    // Trained parameters, in arena order; and running statistics of batch norm.
    const std::vector<ParameterInfo>& parameters() const;
    const std::vector<ParameterInfo>& statistics() const;

    // Fresh weights from a counter-based generator: convolutions and dense layers as spec().init says,
    // embedding uniform [0,1), norm 1/0, LSTM uniform +-1/sqrt(hidden) with the forget gate's bias 1; last
    // bias = what makes the output each marker's prevalence (or mean coverage), clamped to [1e-6, 1 - 1e-6]
    // (to 1e-6).
    void initialise(std::uint64_t seed, std::span<const double> prevalence);

    // All parameters and statistics under PyTorch's names, canonical fp32. load checks names and shapes
    // exactly (Error(input)) and makes inference use the new weights. Tensors that are moved in are freed one
    // by one as they are taken.
    std::vector<NamedTensor> state() const;
    void load(std::vector<NamedTensor> tensors);
    // Of weights that will not be trained: gives back their memory, of which inference has its own. What
    // needs them is Error(usage) until others are loaded.
    void only_predict();
    // Adam's moments as "adam.m.<name>" and "adam.v.<name>"; load_optimiser(empty) zeroes them.
    std::vector<NamedTensor> optimiser_state() const;
    void load_optimiser(std::vector<NamedTensor> tensors);

    // Inference (running statistics, folded into the weights). codes.length must be a multiple of
    // summary().stride. Bases [begin, end) of every sample, multiples of the stride (of a fixed window all of
    // them), into out [batch][markers][output positions of these bases]. The trunk runs over the whole length
    // (zero padding at both ends), the tail only where asked for.
    void infer(const Codes& codes, std::int64_t begin, std::int64_t end, TailOutput kind,
               std::span<float> out);
    // The same positions, but only those whose value is not below their marker's cutoff, with the same values
    // (kernels/sinks.hpp). One cutoff a marker.
    void infer_runs(const Codes& codes, std::int64_t begin, std::int64_t end, TailOutput kind,
                    std::span<const float> cutoffs, CalledRuns& out);
    // The same positions as infer: the 8-bit codes of their logits (kernels/sinks.hpp).
    void infer_codes(const Codes& codes, std::int64_t begin, std::int64_t end, std::span<std::uint8_t> out);

    // Whether a base changes only a part of the outputs, which infer_changed computes alone: of every model
    // but those with an LSTM or a fixed window.
    bool has_cones() const;
    // What KeptWindows take, without padding.
    double kept_bytes_per_base() const;
    // Runs the trunk, and keeps what every layer gives. `kept` may hold memory of windows before.
    void keep(const Codes& codes, KeptWindows& kept);
    // As infer, of kept windows.
    void infer_kept(const KeptWindows& kept, std::int64_t begin, std::int64_t end, TailOutput kind,
                    std::span<float> out);
    // Outputs of changed windows, the same values as infer gives for them: layer by layer only what the
    // change reaches and a wanted output depends on is computed. Everything that the wanted outputs depend on
    // must lie inside of the kept windows (padding at their ends is not seen as such). `take` is called for
    // some windows at a time, in any order; windows of which no wanted output differs are left out.
    void infer_changed(std::span<const ChangedWindow> windows, const FetchChanged& fetch, TailOutput kind,
                       const TakeChanged& take);

    // The gradient of sum(d_logits * logits) with respect to the bases as one-hot A, C, G, T; as inference:
    // running statistics, no dropout. d_logits: [batch][markers][outputs]; out: [batch][4][codes.length].
    // What a change from base a to base b is worth to first order is the difference of their two values.
    // Holds the values of all layers, and for every position one of each marker.
    void base_gradients(const Codes& codes, std::span<const float> d_logits, std::span<float> out);
    // Of one marker after the other the gradient of the sum of weights [batch][outputs] times its logits,
    // with respect to N, A, C, G and T as one-hot: out [markers.size()][batch][5][codes.length]. N has a row
    // of its own in the table of an embedding; to a one_hot it is nothing, and its gradient 0. With `between`
    // at these bases, which are none. Holds as much as base_gradients.
    void symbol_gradients(const Codes& codes, const BetweenCodes* between, std::span<const float> weights,
                          std::span<const int> markers, std::span<float> out);

    // What they hold, about.
    double gradient_bytes_per_base() const;

    // Forward and backward: gradients replace those of the step before; parameters stay. Running statistics
    // are updated unless the result is not finite. Labels end inside codes.length.
    StepResult forward_backward(const Codes& codes, const Labels& labels, const TrainStep& how);
    // The gradients of the last forward_backward, under their parameters' names (tests).
    std::vector<NamedTensor> gradients() const;
    // Applies Adam with the gradients of the last forward_backward.
    void apply_adam(const AdamStep& how);
    // forward_backward and apply_adam; with a loss or norm that is not finite the parameters stay as they
    // were.
    StepResult train(const Codes& codes, const Labels& labels, const TrainStep& how, const AdamStep& adam);

    // Tests: run the plain composition of the tail's layers (up_conv, moments, norm_act, conv of width 1), in
    // inference and in training; only the last dense layer with the loss remains of the fused operation.
    void use_fused_tail(bool fused);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace regkit
