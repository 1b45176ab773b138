// Architectures by name: presets and specs in files, and the tables that show them.
#pragma once

#include <string>

#include "nn/spec.hpp"

namespace regkit {

// A preset, or the file of a spec where the name ends in ".json" (regkit-spec(5)). Error(usage) for a preset
// that there is not, Error(resource) for a file that cannot be read, Error(input) for a spec that is wrong.
Spec load_architecture(const std::string& name);

// regtrain --presets, TSV: preset, task, layers, parameters at `markers` markers, receptive field in bases
// (of a model that reads all of its window: the window). Without batch norm unless `norm`.
std::string presets_table(int markers, bool norm);
// regtrain --describe, TSV: one row a layer and their total. receptive_field is "window" where a layer sees
// all of it.
std::string describe_table(const Spec& spec, int markers);

}  // namespace regkit
