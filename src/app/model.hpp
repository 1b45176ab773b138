// A trained model: architecture, weights, markers and where they come from; one .safetensors file (regkit-model(5)).
#pragma once

#include <string>
#include <vector>

#include "base/marker.hpp"
#include "base/named_tensor.hpp"
#include "io/dataset.hpp"
#include "nn/spec.hpp"

namespace regkit {

struct Model {
    Spec spec;
    std::vector<Marker> markers;
    std::vector<NamedTensor> tensors;        // Network::state()
    std::vector<ReferenceContig> reference;  // trained on
    std::string summary;                     // JSON: data set digest, epochs, best metric, command, version
    std::string digest;                      // SHA-256 of the file it was loaded from; empty before
};

Model load_model(const std::string& path);  // Error(input) / Error(resource)
void save_model(const std::string& path, const Model& model);

// The markers that -k chose, in model order: names, globs ("CTCF*"), or "class:DNase". Error(usage) for a pattern that
// matches none. An empty list chooses all.
std::vector<int> select_markers(const std::vector<Marker>& markers, const std::vector<std::string>& patterns);
// The same model that predicts only the markers chosen: rows of the last dense layer are dropped.
Model restrict_markers(Model model, const std::vector<int>& chosen);

}  // namespace regkit
