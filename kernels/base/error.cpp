#include "kernels/base/error.hpp"

#include <cerrno>
#include <cstring>

namespace regkit {

void throw_errno(const std::string& what) {
    throw Error(ErrorKind::resource, what + ": " + std::strerror(errno));
}

}  // namespace regkit
