// Scripts that complete a tool's command line, made from its option table.
#pragma once

#include <string>
#include <vector>

#include "cli/options.hpp"

namespace regkit::cli {

// "bash", "zsh", "fish".
std::vector<std::string> completion_shells();
// For one of these shells; std::logic_error for another. `commands` are those of one tool, the default one
// first. Names of markers are asked of `regmodel` while the user types.
std::string completion_script(const std::string& shell, const std::vector<Tool>& commands);

}  // namespace regkit::cli
