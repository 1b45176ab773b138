// What a model is, for people and for programs: what `regmodel info` prints.
#pragma once

#include <string>

#include "app/model/model.hpp"

namespace regkit {

// Rows of key and value, TSV with the header "key value"; regmodel(1) lists them. `path` is shown.
std::string model_table(const Model& model, const std::string& path);
// marker, class, cell, target, prevalence, and of a calibrated model (else NA) its cutoffs as calibrated
// probabilities, of largest F1 with precision and recall, of false discovery rates 5, 10, 20 %, of the extent
// of sites, and their gap and length in bases: a row a marker, in the model's order.
std::string markers_table(const Model& model);
// Both, and the reference's contigs and the architecture, as one JSON object.
std::string model_json(const Model& model, const std::string& path);

}  // namespace regkit
