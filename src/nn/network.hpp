// A Spec bound to a Backend: parameters, buffers, forward and backward. Written once over the operations of
// kernels/backend.hpp. Not thread-safe: one caller at a time (the back end has the threads).
#pragma once

#include <cstdint>
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

    // The gradient of sum(d_logits * logits) with respect to the bases as one-hot A, C, G, T; as inference:
    // running statistics, no dropout. d_logits: [batch][markers][outputs]; out: [batch][4][codes.length].
    // What a change from base a to base b is worth to first order is the difference of their two values.
    // Holds the values of all layers, and for every position one of each marker.
    void base_gradients(const Codes& codes, std::span<const float> d_logits, std::span<float> out);

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
