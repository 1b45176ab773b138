// The fp32 CPU back end: vectorised (Highway, chosen at run time), threaded, lanes = positions (layout.hpp).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.hpp"

namespace regkit {

// options.workers and options.isa apply; options.device is not looked at. Throws Error(usage) when this
// machine does not have the instruction set asked for, naming those it has.
std::unique_ptr<Backend> make_cpu_backend(const BackendOptions& options);

// The instruction sets this machine and this build have, best first: values of options.isa.
std::vector<std::string> cpu_isas();

}  // namespace regkit
