// The libraries in use, for --version.
#pragma once

#include <string>
#include <vector>

namespace regkit {

std::vector<std::string> libraries_in_use();  // "htslib 1.16", "Highway 1.0.3", "no CUDA plug-in", ...

}  // namespace regkit
