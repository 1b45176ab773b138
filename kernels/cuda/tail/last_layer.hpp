// The kernels of the last layer at training, two for each compute capability: what sm80_tail_train and
// sm90_tail_train differ in. All throw Failure.
#pragma once

#include "kernels/cuda/tail/train_rows.hpp"

namespace regkit::cuda {

// Adds up the loss of each tile in losses [samples * tiles], not scaled, and hands the gradient of the last
// layer's input to `sink`.
using LossStart = void(const LastLayer& layer, const GradientSink& sink, double* losses);
// Computes the logits once more, and leaves the sums over each range of positions in weights
// [range][layer.targets.pitch][width] and bias [range][layer.targets.pitch].
using WeightsStart = void(const LastLayer& layer, const Ranges& ranges, float* weights, float* bias);

LossStart sm80_loss, sm90_loss;
WeightsStart sm80_last_weights, sm90_last_weights;

}  // namespace regkit::cuda
