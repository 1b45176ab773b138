// How a Graph is run: which layers become the fused tail, and what each layer of the trunk needs. Internal to
// src/nn.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/graph.hpp"

namespace regkit {

struct TailPlan {
    int input = 0;           // layer whose output the tail reads
    int up = -1;             // the up-convolution, or none
    int stride = 1;          // of the up-convolution
    std::vector<int> dense;  // first to last; the last is the head
};

// The longest run of layers up to the head that the fused operation can take: dense layers with ReLU, each
// read by the next alone, behind an up-convolution with ReLU if there is one.
TailPlan find_tail(const Spec& spec, const Graph& graph);
// The head alone: everything else is run layer by layer.
TailPlan head_alone(const Graph& graph);

struct Plan {
    TailPlan tail;
    std::vector<int> trunk;                 // layers before the tail in order, embeddings left out
    std::vector<Halo> halo;                 // of each layer's output, for its consumers' padding
    std::vector<Halo> gradient_halo;        // of the gradient of each layer's output before activation
    std::vector<std::uint32_t> interleave;  // Dropout::interleave of each layer

    // Inference keeps an output only until its last reader has run. slot[layer] is the buffer it lies in.
    struct Slot {
        int channels = 0;
        int scale = 1;
        Halo halo;
    };
    std::vector<int> slot;
    std::vector<Slot> slots;
};

Plan make_plan(const Spec& spec, const Graph& graph, bool fused);

}  // namespace regkit
