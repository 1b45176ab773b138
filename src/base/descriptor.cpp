#include "base/descriptor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace regkit {

int open_file(const char* path, int flags, unsigned mode) {
    for (;;) {
        const int descriptor = open(path, flags | O_CLOEXEC, static_cast<mode_t>(mode));
        if (descriptor >= 0 || errno != EINTR) return descriptor;
    }
}

int close_file(int descriptor) {
    return close(descriptor) == 0 || errno == EINTR ? 0 : -1;
}

}  // namespace regkit
