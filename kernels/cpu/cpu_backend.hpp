// The CPU back end: vectorised (Highway, chosen at run time), threaded, lanes = positions (layout.hpp).
//
// Tensors, parameters, statistics and the optimiser are f32. With Precision::bf16 the products of
// convolutions, dense layers and the fused tail, forward and gradients, round their operands to bf16
// (nearest, ties to even) as they read them and add up in f32. Flatten-and-dense, the LSTM's recurrence, the
// first layer's table and the fold of batch norm stay f32.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.hpp"

namespace regkit {

// options.workers, isa and precision apply; options.device is not looked at. Throws Error(usage) when this
// machine does not have the instruction set asked for, naming those it has.
std::unique_ptr<Backend> make_cpu_backend(const BackendOptions& options);

// The instruction sets this machine and this build have, best first: values of options.isa.
std::vector<std::string> cpu_isas(Precision precision = Precision::f32);

}  // namespace regkit
