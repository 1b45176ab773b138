// The kernels of the last layer at training for compute capability 9.0: what tail_loss and tail_last_weights
// of train_rows.hpp do, for all that fits_fast_tail takes. Both throw Failure.
#pragma once

#include "kernels/cuda/tail/train_rows.hpp"

namespace regkit::cuda {

void loss_on_hopper(const LastLayer& layer, const GradientSink& sink, double* losses);

// Leaves the sums over each range of positions in weights [range][layer.targets.pitch][width] and bias
// [range][layer.targets.pitch].
void weights_on_hopper(const LastLayer& layer, const Ranges& ranges, float* weights, float* bias);

}  // namespace regkit::cuda
