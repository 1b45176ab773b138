// What a training run is made of, worked out before it starts; shared by the trainer's parts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/train/trainer.hpp"
#include "io/dataset/dataset.hpp"
#include "nn/spec.hpp"

namespace regkit {

// Steps planned where only time limits training.
inline constexpr std::int64_t kUnbounded = 1'000'000'000'000;

// The preset or file that `parameters` names, with its options applied and the data set's window.
// Error(usage), Error(input), and Error(mismatch) when the data set's windows do not fit it.
Spec training_spec(const TrainParameters& parameters, const Dataset& dataset);

// SHA-256 of what training reads from a data set besides the peaks: reference, windows with their splits,
// markers.
std::string dataset_digest(const Dataset& dataset);

// JSON object of the settings on which a run's tensors depend.
std::string training_settings(const TrainParameters& parameters, const Spec& spec, const Dataset& dataset);
// Error(mismatch) naming the first setting that differs.
void require_same_settings(const std::string& saved, const std::string& now, const std::string& where);

std::int64_t planned_steps(const TrainParameters& parameters, std::int64_t windows);

// The validation windows used: a fixed choice of `fraction` of them, at least one where there are any,
// ascending.
std::vector<std::int64_t> validation_windows(const Dataset& dataset, double fraction, std::uint64_t seed);

// Names of the markers' classes in order of first appearance.
std::vector<std::string> class_names(const std::vector<Marker>& markers);

}  // namespace regkit
