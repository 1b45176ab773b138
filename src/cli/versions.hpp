// --version.
#pragma once

#include <string>

namespace regkit::cli {

// "regcall 0.1.0", then the libraries in use, a line each.
std::string version_text(const std::string& tool);

}  // namespace regkit::cli
