// What several models say of the same positions, as one: the mean, and how far apart they are.
#pragma once

#include <span>

#include "nn/spec.hpp"

namespace regkit {

// A row of values of each model, all of one length.
using ModelValues = std::span<const std::span<const float>>;

// The mean of each position's values, probabilities or coverage, and, unless `spread` is empty, their
// standard deviation as that of a sample: the sum of squares is divided by one less than there are models.
// Of equal values the mean is the value, to the bit, and the spread 0.
void mean_of_models(ModelValues models, std::span<float> mean, std::span<float> spread);

// The same of logits: the mean becomes the logit of the mean probability, or what the mean coverage is the
// softplus of; the spread is that of probabilities or coverage. NaN where a model's logit is not finite.
void mean_of_model_logits(ModelValues models, Task task, std::span<float> mean, std::span<float> spread);

}  // namespace regkit
