// How a Graph is run: which layers become fused tails, and what each layer of the trunk needs. Internal to
// src/nn.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/graph.hpp"

namespace regkit {

// One head and the layers before it that run as one operation.
struct TailPlan {
    int input = 0;           // layer whose output the tail reads
    bool flatten = false;    // all positions of it at once
    int up = -1;             // the up-convolution, or none
    int stride = 1;          // of the up-convolution
    std::vector<int> dense;  // first to last; the last is the head
};

// The longest run of layers up to a head that the fused operation can take: dense layers with ReLU, each
// read by the next alone, behind an up-convolution with ReLU if there is one.
TailPlan find_tail(const Spec& spec, const Graph& graph, int head);
// The head alone: everything else is run layer by layer.
TailPlan head_alone(const Spec& spec, const Graph& graph, int head);

struct Plan {
    std::vector<TailPlan> tails;  // one a head; the last gives the prediction
    // Layers outside the tails that have an output of their own, in order. Embeddings are part of the
    // convolutions that read them; a one_hot has an output only where a dense layer flattens it.
    std::vector<int> trunk;
    std::vector<int> inference;             // those of them that the prediction depends on
    std::vector<int> ancestors;             // all layers that it depends on, the head included
    std::vector<Halo> halo;                 // of each layer's output, for its consumers' padding
    std::vector<Halo> gradient_halo;        // of the gradient of each layer's output before activation
    std::vector<std::uint32_t> interleave;  // Dropout::interleave of each layer

    // Inference keeps an output only until its last reader has run. slot[layer] is the buffer it lies in.
    struct Slot {
        int layer = 0;  // the first that lies in it: all have its shape
        Halo halo;
    };
    std::vector<int> slot;
    std::vector<Slot> slots;
};

Plan make_plan(const Spec& spec, const Graph& graph, bool fused);

}  // namespace regkit
