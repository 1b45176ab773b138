// htslib closes the descriptor that it was given, and of a BGZF file writes the end block as it does so. So
// it gets a duplicate, and where the output failed the duplicate leads to /dev/null by then.
#include "io/files/hts_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor.hpp"
#include "io/files/atomic_file.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

HtsDescriptor::HtsDescriptor(const AtomicFile& output) : number_(dup(output.descriptor())) {
    if (number_ < 0) throw_hts(output.path(), "open");
}

void HtsDescriptor::abandon() const noexcept {
    const int nowhere = open_file("/dev/null", O_WRONLY);
    if (nowhere < 0) {  // then htslib's own close fails, and nobody listens
        close_file(number_);
        return;
    }
    while (dup2(nowhere, number_) < 0 && errno == EINTR) {
    }
    close_file(nowhere);
}

void throw_hts(const std::string& path, const char* verb, int cause) {
    if (cause != 0) errno = cause;
    if (errno == EPIPE) throw BrokenPipe{};
    if (errno == 0) errno = EIO;
    throw_errno(path + ": cannot " + verb);
}

}  // namespace regkit
