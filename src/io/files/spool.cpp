// Bytes gather in a buffer and go to the file when it is full; a read takes what it needs from both. The file
// never has a name, or loses it at once, so that no kill can leave it behind.
#include "io/files/spool.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/descriptor.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

// A file that never has a name, so that no kill leaves it behind; where the file system lacks that, one that
// loses its name at once.
int open_unlinked() {
    const char* directory = std::getenv("TMPDIR");
    std::string name = directory != nullptr && *directory != '\0' ? directory : "/tmp";
    int descriptor = open_file(name.c_str(), O_TMPFILE | O_RDWR, 0600);
    if (descriptor >= 0) return descriptor;
    name += "/regkit-spool.XXXXXX";
    descriptor = ::mkostemp(name.data(), O_CLOEXEC);
    if (descriptor < 0) throw_errno("cannot create the temporary file " + name + " (TMPDIR says where)");
    ::unlink(name.c_str());
    return descriptor;
}

}  // namespace

Spool::~Spool() {
    if (descriptor_ >= 0) close_file(descriptor_);
}

std::uint64_t Spool::append(std::span<const char> bytes) {
    const std::uint64_t offset = size();
    buffer_.append(bytes.data(), bytes.size());
    if (buffer_.size() >= kMemory) flush();
    return offset;
}

void Spool::flush() {
    if (descriptor_ < 0) descriptor_ = open_unlinked();
    const char* at = buffer_.data();
    std::size_t left = buffer_.size();
    while (left > 0) {
        const ssize_t n = ::write(descriptor_, at, left);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) throw_errno("cannot write a temporary file (TMPDIR says where)");
        at += n;
        left -= static_cast<std::size_t>(n);
    }
    flushed_ += buffer_.size();
    buffer_.clear();
}

void Spool::read(std::uint64_t offset, std::span<char> bytes) const {
    require(offset <= size() && bytes.size() <= size() - offset, ErrorKind::resource,
            "a temporary file is shorter than what was written to it");
    if (offset < flushed_) {
        const auto written = bytes.first(std::min<std::uint64_t>(bytes.size(), flushed_ - offset));
        const ssize_t got = read_at(descriptor_, offset, written);
        if (got < 0) throw_errno("cannot read a temporary file back");
        require(got == static_cast<ssize_t>(written.size()), ErrorKind::resource,
                "a temporary file is shorter than what was written to it");
        bytes = bytes.subspan(written.size());
        offset += written.size();
    }
    if (!bytes.empty()) std::copy_n(buffer_.data() + (offset - flushed_), bytes.size(), bytes.data());
}

}  // namespace regkit
