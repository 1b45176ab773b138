// An LSTM layer and its gradient as a convolution of width 1 and the recurrence. run(op) -> Status runs an
// operation; the first that fails ends it.
#pragma once

#include "kernels/ops/conv.hpp"
#include "kernels/ops/lstm.hpp"
#include "kernels/status.hpp"

namespace regkit {

template <typename Run>
Status lstm_of_parts(const View& x, const LstmLayer& layer, const View& gates, const View& cell,
                     const View& y, const Run& run) {
    const Status status = run(Conv{.x = x, .weight = layer.weight_ih, .bias = layer.bias, .y = gates});
    if (!status.ok()) return status;
    return run(LstmRecurrence{.gates = gates,
                              .weight_hh = layer.weight_hh,
                              .hidden = layer.hidden,
                              .directions = layer.directions,
                              .cell = cell,
                              .y = y});
}

template <typename Run>
Status lstm_grad_of_parts(const LstmGrad& op, const View& gates, const View& cell, const View& y,
                          const Run& run) {
    Status status = run(LstmRecurrenceGrad{.gates = gates,
                                           .weight_hh = op.layer.weight_hh,
                                           .hidden = op.layer.hidden,
                                           .directions = op.layer.directions,
                                           .cell = cell,
                                           .y = y,
                                           .dy = op.dy,
                                           .d_weight_hh = op.gradient.weight_hh});
    if (!status.ok()) return status;
    status = run(ConvGradWeight{
        .x = op.x, .dy = gates, .d_weight = op.gradient.weight_ih, .d_bias = op.gradient.bias});
    if (!status.ok()) return status;
    return run(
        ConvGradInput{.dy = gates, .weight = op.layer.weight_ih, .accumulate = op.accumulate, .dx = op.dx});
}

}  // namespace regkit
