// The libraries behind the file formats, for --version.
#pragma once

#include <string>
#include <vector>

namespace regkit {

std::vector<std::string>
io_libraries();  // "htslib 1.16", ...: as loaded at run time where the library can tell

}  // namespace regkit
