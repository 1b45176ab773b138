// The suite's version, as --version prints it and headers record it.
#pragma once

#include <string_view>

namespace regkit {

std::string_view version();  // "0.1.0"

}  // namespace regkit
