// Loops around the system calls, so that no caller writes its own: open(), opendir() and pread() go on after
// a signal, and pread() until all is there or the file ends. close() is not tried again after a signal: Linux
// has let the descriptor go by then.
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

std::filesystem::directory_iterator open_directory(const std::string& path, std::error_code& error) {
    std::filesystem::directory_iterator entries;
    do entries = std::filesystem::directory_iterator(path, error);
    while (error == std::errc::interrupted);
    return entries;
}

int close_file(int descriptor) {
    return close(descriptor) == 0 || errno == EINTR ? 0 : -1;
}

ssize_t read_at(int descriptor, std::uint64_t offset, std::span<char> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t got =
            pread(descriptor, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(done);
}

}  // namespace regkit
