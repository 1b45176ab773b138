// The fused tail: an optional up-convolution (width = stride), then pointwise dense layers; ReLU (and in
// training dropout) after each but the last, whose outputs are the markers' logits. Every coarse position is
// independent, so a back end runs it in cache-sized blocks and logits of the whole window never exist. Batch
// norm behind the up-convolution is folded into its weights beforehand, in training too: see up_norm.hpp.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/base/label_run.hpp"
#include "kernels/dropout.hpp"
#include "kernels/sinks.hpp"
#include "kernels/tensor.hpp"

namespace regkit {

inline constexpr int kMaxDense = 4;

struct TailLayer {
    Slice weight;  // dense [out][in]; up-convolution [in][out][stride]
    Slice bias;    // [out]; may be none
    int in = 0;
    int out = 0;
    Dropout dropout;  // training only; ignored for the last dense layer
};

struct Tail {
    int stride = 1;  // nucleotides per coarse position; 1 and up.out = 0: there is no up-convolution
    TailLayer up;
    int depth = 0;  // dense layers, 1..kMaxDense
    TailLayer dense[kMaxDense];

    bool has_up() const { return up.out > 0; }
    int inputs() const { return has_up() ? up.in : dense[0].in; }
    int markers() const { return dense[depth - 1].out; }
};

struct TailGradient {
    Slice up_weight, up_bias;
    Slice dense_weight[kMaxDense], dense_bias[kMaxDense];
};

// Host memory. Runs of sample s, in its output positions: runs[offsets[s]] .. runs[offsets[s + 1]), sorted by
// (marker, begin), disjoint within a marker, inside [0, output positions of a sample).
struct Labels {
    const LabelRun* runs = nullptr;
    const std::int64_t* offsets = nullptr;  // batch + 1
};

enum class LossKind : int {
    // pos_weight * y * softplus(-z) + (1 - y) * softplus(z)
    sigmoid_cross_entropy,
    // Negative Poisson log-likelihood up to a constant, with rate = softplus(z) as in Basenji (Kelley et al.
    // 2018): rate - y * log(rate), whose gradient is sigmoid(z) * (1 - y / rate). Far below zero, where the
    // rate is e^z (1 - e^z / 2 + ...) and underflows, log(rate) is z - e^z / 2 and the gradient e^z - y * (1
    // - e^z / 2).
    poisson,
};

// loss += scale * sum over samples, positions, markers of the loss of logit z and target y
struct TailLoss {
    float scale = 1;       // the caller's 1 / (batch * length * markers), times the head's weight
    float pos_weight = 1;  // of the cross-entropy
    LossKind kind = LossKind::sigmoid_cross_entropy;
};

// Values of coarse positions [begin, end) of every sample, to host memory [batch][markers][(end - begin) *
// stride]. An empty range writes nothing.
struct TailInfer {
    static constexpr const char* kName = "tail_infer";
    View h;
    Tail tail;
    std::int64_t begin;
    std::int64_t end;
    TailOutput kind;
    std::span<float> out;

    void check() const;
};

// The same positions as logit codes (sinks.hpp) [batch][markers][positions]. compose::tail_codes has a way
// for every back end.
struct TailCodes {
    static constexpr const char* kName = "tail_codes";
    View h;
    Tail tail;
    std::int64_t begin;
    std::int64_t end;
    std::span<std::uint8_t> out;

    void check() const;
};

// The same positions as runs (sinks.hpp), which replace what `out` held: of each marker those over its own
// cutoff, of one that is infinite none (but of what is not a number, or infinite itself). They agree with the
// values of TailInfer to the bit. compose::tail_runs has a way for every back end.
struct TailRuns {
    static constexpr const char* kName = "tail_runs";
    View h;
    Tail tail;
    std::int64_t begin;
    std::int64_t end;
    TailOutput kind;
    std::span<const float> cutoffs;  // [markers], host memory; none is NaN
    CalledRuns* out;

    void check() const;
};

// Adds the loss to loss[0], parameter gradients to `gradient`, and writes (or adds) the gradient of h.
struct TailTrain {
    static constexpr const char* kName = "tail_train";
    View h;
    Tail tail;
    Labels labels;
    TailLoss how = {};
    Slice loss;
    TailGradient gradient;
    bool accumulate = false;
    View dh;

    void check() const;
};

}  // namespace regkit
