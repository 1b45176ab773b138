// Shapes, weights and labels of the fused tail that its tests share.
#pragma once

#include <string>
#include <vector>

#include "test/kernels/harness.hpp"

namespace regkit::test {

struct TailCase {
    std::int64_t batch, inputs, length;  // of h: coarse positions
    int stride;                          // 1 with up = 0: no up-convolution
    int up;
    std::vector<int> dense;  // outputs of each layer; the last are the markers
    float dropout;
    float pos_weight;

    Shape h() const { return {batch, inputs, length}; }
    int markers() const { return dense.back(); }
    std::int64_t nucleotides() const { return length * stride; }
    // Of what the emulator takes long for.
    bool is_long() const { return batch * nucleotides() > 1000; }
    // Of what the finite differences take too long for.
    bool large() const { return h().size() * stride > 4000 || inputs > 20 || markers() > 200; }
    std::string text() const;
};

const std::vector<TailCase>& tail_cases();

// The tail's parameters in the order up-convolution, dense layers, each weight then bias.
struct Weights {
    std::vector<std::int64_t> counts;

    explicit Weights(const TailCase& c);
    std::vector<Values> random() const;
    std::vector<Slice> zeros(Run& run) const;
};

Tail make_tail(const TailCase& c, const std::vector<Slice>& weights);
Tail make_tail(const TailCase& c, Run& run, const std::vector<Values>& values);
TailGradient make_gradient(const TailCase& c, const std::vector<Slice>& slices);

// Runs of every kind: none, the whole window, one nucleotide at each edge, neighbours that touch, ends inside
// a coarse position. The second sample has none at all.
struct OwnedLabels {
    std::vector<LabelRun> runs;
    std::vector<std::int64_t> offsets = {0};

    explicit OwnedLabels(const TailCase& c);
    Labels labels() const { return {runs.data(), offsets.data()}; }

  private:
    void add(std::int32_t marker, std::int32_t length);
};

// The mean over samples, nucleotides and markers.
TailLoss loss_of(const TailCase& c);

// That a NaN of the input reaches all markers at its positions, no others, and the loss. A ReLU that takes
// the larger of x and 0 would stop it.
void check_nan_passes(Backend& backend);

}  // namespace regkit::test
