// What a layer computes with: the operands of one of its steps, forward or backward, in a batch of windows.
#pragma once

#include <cstddef>

#include "kernels/backend.hpp"
#include "nn/graph.hpp"

namespace regkit {

// A question about a layer's input number i. Borrows what answers it.
template <typename Answer>
class ByInput {
  public:
    template <typename Function>
    ByInput(const Function& function)
        : function_(&function),
          ask_([](const void* f, std::size_t i) -> Answer { return (*static_cast<const Function*>(f))(i); }) {
    }
    Answer operator()(std::size_t i) const { return ask_(function_, i); }

  private:
    const void* function_;
    Answer (*ask_)(const void*, std::size_t);
};

struct ForwardStep {
    Backend& backend;
    const Codes& codes;
    const LayerSpec& layer;
    const Node& node;
    Slice weight, weight_hh, bias;
    // The table of the sequence layer that it is, or that its first input is; else none.
    Slice table;
    bool relu;
    LstmMemory* memory;
    // Its inputs; not the sequence, and not a sequence layer without an output of its own.
    ByInput<View> x;
    View y;
};

struct BackwardStep {
    Backend& backend;
    const Codes& codes;
    const LayerSpec& layer;
    const Node& node;
    Slice weight, weight_hh, bias, table;
    Slice d_weight, d_weight_hh, d_bias, d_table;
    LstmMemory* memory;
    ByInput<View> x;
    View y;   // its value, without norm and ReLU of its own,
    View dy;  // and the gradient of that
    // Where the gradients of its inputs go: no data, where nobody asks for it. Of a sequence layer, input 0
    // is the bases.
    ByInput<View> dx;
    ByInput<bool> accumulate;  // whether they are added to what is there
};

}  // namespace regkit
