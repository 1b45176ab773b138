// Texts made from an option table.
#pragma once

#include <string>

#include "cli/options.hpp"

namespace regkit::cli {

std::string usage_text(const Tool& tool);   // the "usage:" lines and where to read on
std::string help_text(const Tool& tool);    // --help: grouped, with live defaults and examples
std::string man_options(const Tool& tool);  // mdoc(7): from ".Sh OPTIONS" up to the next section

}  // namespace regkit::cli
