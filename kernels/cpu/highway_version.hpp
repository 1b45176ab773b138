// Which Highway the CPU back end was compiled with.
#pragma once

#include <string>

namespace regkit {

std::string highway_version();  // "1.0.3"

}  // namespace regkit
