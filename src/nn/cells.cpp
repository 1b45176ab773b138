// Forward through the graph: a layer's positions are those that its kind says follow from its inputs'.
#include "nn/cells.hpp"

#include <algorithm>
#include <iterator>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"
#include "nn/layers/kinds.hpp"

namespace regkit {

std::vector<Cells> cells_reached(const Spec& spec, int markers, const Cells& bases, std::int64_t length) {
    const Graph graph = resolve(spec, markers, spec.name);
    require(std::is_sorted(bases.begin(), bases.end()) &&
                (bases.empty() || (bases.front() >= 0 && bases.back() < length)),
            ErrorKind::usage, "cells_reached: bases that lie outside of the window, or in disorder");
    require(length % graph.stride == 0 && (!graph.fixed_window || length == spec.window), ErrorKind::usage,
            "cells_reached: a window that the model does not read");
    std::vector<Cells> reached;
    for (std::size_t i = 0; i < spec.layers.size(); ++i) {
        Cells in;
        for (const int input : graph.nodes[i].inputs) {
            const Cells& from = input == kSequence ? bases : nth(reached, input);
            Cells both;
            std::set_union(in.begin(), in.end(), from.begin(), from.end(), std::back_inserter(both));
            in = std::move(both);
        }
        const Shape shape = graph.shape(static_cast<int>(i), 1, length);
        reached.push_back(kind_of(spec.layers[i]).reached(spec.layers[i], graph.nodes[i], in, shape.length));
    }
    return reached;
}

}  // namespace regkit
