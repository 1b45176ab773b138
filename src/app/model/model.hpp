// A trained model: architecture, weights, markers and where they come from; one .safetensors file
// (regkit-model(5)).
#pragma once

#include <string>
#include <vector>

#include "app/model/marker_calls.hpp"
#include "base/log.hpp"
#include "base/marker.hpp"
#include "base/named_tensor.hpp"
#include "io/dataset/dataset.hpp"
#include "io/safetensors/safetensors.hpp"
#include "nn/spec.hpp"

namespace regkit {

struct Model {
    Spec spec;
    std::vector<Marker> markers;
    std::vector<NamedTensor> tensors;        // Network::state()
    std::vector<ReferenceContig> reference;  // trained on
    LabelLayout layout;                      // of the windows it was trained on: where its outputs lie
    std::vector<MarkerCalls> calls;          // of each marker; none: not calibrated
    std::string summary;                     // JSON: data set digest, epochs, best metric, command, version
    std::string digest;                      // SHA-256 of the file it was loaded from; empty before
    bool packed = false;                     // weights are written in 8 bits (packed_weights.hpp)
    std::vector<std::string> notices = {};   // of markers' names that are spelled otherwise than in the file
};

// A checkpoint of regtrain is a model too: the optimiser's part of it is left out. Error(input) /
// Error(resource). Names of markers and contigs that outputs cannot hold are spelled anew, and `log` told.
Model load_model(const std::string& path, Log& log);
void save_model(const std::string& path, const Model& model);
// The markers as the file has them: a JSON list.
std::string markers_text(const std::vector<Marker>& markers);
// The same, read and checked: Error(input) that begins with `where`, also for a list without markers. Of a
// model of coverage prevalences may be above 1.
std::vector<Marker> parse_markers(const std::string& text, bool coverage, const std::string& where);
void add_model(OutputSet& outputs, const std::string& path, const Model& model);  // to appear with others

// The same to and from the file's parts (checkpoints add theirs). model_of checks the content's checksum
// where the file has one, and the JSON of every entry; whether the tensors fit the spec is Network::load's to
// say. Both move tensors.
inline constexpr const char* kChecksumKey = "regkit.sha256";
TensorFile tensor_file_of(Model model);
Model model_of(TensorFile file, const std::string& path);
// Tensors that belong to the optimiser, not to the model.
bool is_optimiser_tensor(const std::string& name);

// The markers that -k chose, in model order: names, as outputs show them or before they were spelled, globs
// ("CTCF*"), or "class:DNase" ("class:." has no class). Error(usage) for a pattern that matches none. An
// empty list chooses all. `option` names in messages where the patterns come from.
std::vector<int> select_markers(const std::vector<Marker>& markers, const std::vector<std::string>& patterns,
                                const std::string& option = "-k");
// The same model that predicts only the markers chosen: rows of the last dense layer are dropped.
Model restrict_markers(Model model, const std::vector<int>& chosen);

}  // namespace regkit
