// Made of the macros in Highway's own headers, so that --version tells what was compiled in and not what is
// installed.
#include "kernels/cpu/highway_version.hpp"

#include <hwy/highway.h>

namespace regkit {

std::string highway_version() {
    return std::to_string(HWY_MAJOR) + "." + std::to_string(HWY_MINOR) + "." + std::to_string(HWY_PATCH);
}

}  // namespace regkit
