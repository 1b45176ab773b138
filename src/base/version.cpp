// CMake gives the number to this one source, so that a new version compiles nothing else anew.
#include "base/version.hpp"

namespace regkit {

std::string_view version() {
    return REGKIT_VERSION;
}

}  // namespace regkit
