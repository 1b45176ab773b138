// How a failed system call becomes an Error: the caller's words, then what errno says. errno is read at the
// call of throw_errno(), so whoever has to clean up first saves it and puts it back.
#include "kernels/base/error.hpp"

#include <cerrno>
#include <cstring>

namespace regkit {

void throw_errno(const std::string& what) {
    throw Error(ErrorKind::resource, what + ": " + std::strerror(errno));
}

}  // namespace regkit
