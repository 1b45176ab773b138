// Which positions of each layer have to be computed again in a window that differs from a kept one in a few
// bases. Internal to src/nn; Network::infer_changed computes them.
//
// Where a base is replaced, a layer's positions that read it lie on a lattice: behind convolutions whose
// dilations are multiples of 3, every third position. Where bases are inserted or deleted, what follows lies
// elsewhere than before, so that every position that reads across the border counts, and they lie side by
// side.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/graph.hpp"
#include "nn/layers/layer.hpp"
#include "nn/plan.hpp"

namespace regkit {

struct LayerCone {
    Lattice reached;   // all that differ,
    Lattice computed;  // and those of them that the wanted outputs depend on
};

// Bases [begin, end) of a window are new. `moved`: what follows lies elsewhere than in the window that it is
// kept in, so that what reads from both sides is new too, though begin == end.
struct BaseChange {
    std::int64_t begin = 0, end = 0;
    bool moved = false;
};

// One a layer of the plan's inference, by the layer's number; others are empty. `wanted`: positions of the
// tail's input. Rows are taken to be endless: the caller sees to it that all that is read is kept. Only of
// networks with has_cones: others have a layer that reads all of its window (LSTM, flatten).
std::vector<LayerCone> cone_of(const Spec& spec, const Graph& graph, const Plan& plan,
                               const BaseChange& change, Span wanted);
bool has_cones(const Spec& spec, const Graph& graph, const Plan& plan);

}  // namespace regkit
