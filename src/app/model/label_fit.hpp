// Whether a network's outputs are what a data set's labels are about, and where the outputs of a model lie.
#pragma once

#include <string>

#include "app/model/model.hpp"
#include "io/dataset/dataset.hpp"
#include "nn/spec.hpp"

namespace regkit {

// Error(mismatch), one line that begins with `where` and calls the network `name`, unless an output of the
// network stands for what a label of the layout stands for: the same task, position-wise networks a bin of
// `scale` bases from the window's first base on, networks of a fixed window as many outputs as labels for
// windows of this length.
void require_fit(const Spec& spec, const SpecSummary& summary, const LabelLayout& layout, std::int64_t window,
                 const std::string& where, const std::string& name);

// Where the model's outputs lie in a window: what its file says (regkit-model(5)), or for nucleotide models
// one a base. Error(input) when that does not fit the architecture.
LabelLayout output_layout(const Model& model, const SpecSummary& summary);

}  // namespace regkit
