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

// Positions first, first + step, ..., of a layer's row, or of the bases; perhaps none.
struct Lattice {
    std::int64_t first = 0;
    std::int64_t step = 1;
    std::int64_t count = 0;

    std::int64_t end() const { return count > 0 ? first + (count - 1) * step + 1 : first; }
    bool operator==(const Lattice&) const = default;
};

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
// tail's input. Rows are taken to be endless: the caller sees to it that all that is read lies inside of what
// is kept. Of layers that are not computed from a span of their inputs (LSTM, flatten) nothing is known:
// has_cones.
std::vector<LayerCone> cone_of(const Spec& spec, const Graph& graph, const Plan& plan,
                               const BaseChange& change, Span wanted);
bool has_cones(const Spec& spec, const Graph& graph, const Plan& plan);

// What one layer reads to compute `out`: positions of each of its inputs, and the geometry with which a row
// of just these gives just `out`.
struct ConeStep {
    Lattice row;
    ConvGeometry geometry;
};
ConeStep cone_step(const Layer& kind, const LayerSpec& layer, const Node& node, const Lattice& out);

}  // namespace regkit
