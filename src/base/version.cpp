#include "base/version.hpp"

namespace regkit {

std::string_view version() {
    return REGKIT_VERSION;
}

}  // namespace regkit
