#include "io/hts_output.hpp"

#include <cerrno>

#include "base/error.hpp"

namespace regkit {

void throw_hts(const std::string& path, const char* verb, int cause) {
    if (cause != 0) errno = cause;
    if (errno == EPIPE) throw BrokenPipe{};
    if (errno == 0) errno = EIO;
    throw_errno(path + ": cannot " + verb);
}

}  // namespace regkit
