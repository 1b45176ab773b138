// Opening decides what the output is: standard output or a device is written straight to, a regular file
// under a temporary name with the mode of the one it will replace. Writes are buffered and checked. The name
// is given only when all is on the disk: a close is tried on a duplicate of the descriptor, because network
// file systems report some failures only then.
#include "io/files/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.hpp"
#include "base/temporaries.hpp"
#include "io/files/atomic_paths.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::size_t kBuffer = 1 << 16;  // small: a tool may write a thousand tracks at once

[[noreturn]] void fail(const std::string& path, const char* verb) {
    if (errno == EPIPE) throw BrokenPipe{};
    throw_errno(path + ": cannot " + verb);
}

}  // namespace

struct AtomicFile::Impl {
    std::string asked, path, temp;
    std::unique_ptr<Temporary> remembered;
    std::string buffer;
    std::uint64_t position = 0;
    int fd = -1;
    bool stream = false;  // standard output, device or FIFO
    bool owned = false;   // the descriptor is ours to close
    bool finished = false;
    bool appeared = false;

    ~Impl() {
        if (!stream && !appeared && remembered) unlink(temp.c_str());
        if (owned && fd >= 0) close_file(fd);
    }

    void open_regular(const struct stat* old) {
        if (old != nullptr && access(path.c_str(), W_OK) != 0) fail(path, "write");
        for (;;) {
            temp = temporary_name(path);
            remembered = std::make_unique<Temporary>(temp);
            fd = open_file(temp.c_str(), O_RDWR | O_CREAT | O_EXCL, 0666);
            if (fd >= 0) break;
            const int saved = errno;
            remembered.reset();
            errno = saved;
            if (errno != EEXIST) fail(path, "create");
        }
        owned = true;
        lock_temporary(fd);
        sweep_beside(directory_of(path), fd);
        if (old != nullptr && fchmod(fd, old->st_mode & 0777) != 0) fail(path, "set the mode of");
    }

    // Closing a duplicate reports what a network file system only says on close, and leaves ours open:
    // standard output is not ours to close, and a temporary stays locked.
    void check_close() const {
        const int copy = dup(fd);
        if (copy < 0 || close_file(copy) != 0) fail(path, "close");
    }

    void write_out(const char* data, std::size_t size, off_t offset) {
        while (size > 0) {
            const ssize_t done = offset < 0 ? ::write(fd, data, size) : ::pwrite(fd, data, size, offset);
            if (done < 0 && errno == EINTR) continue;
            if (done < 0) fail(path, "write");
            data += done;
            size -= static_cast<std::size_t>(done);
            if (offset >= 0) offset += done;
        }
    }
};

AtomicFile::AtomicFile(const std::string& path) : impl_(std::make_unique<Impl>()) {
    Impl& s = *impl_;
    s.asked = path;
    s.buffer.reserve(kBuffer);
    if (is_standard_output(path)) {
        s.path = "standard output";
        s.fd = STDOUT_FILENO;
        s.stream = true;
        return;
    }
    struct stat old {};
    const bool exists = stat(path.c_str(), &old) == 0;
    if (exists && S_ISDIR(old.st_mode)) {
        errno = EISDIR;
        fail(path, "write");
    }
    if (exists && !S_ISREG(old.st_mode)) {
        s.path = path;
        s.stream = true;
        s.fd = open_file(path.c_str(), O_WRONLY);
        if (s.fd < 0) fail(path, "open");
        s.owned = true;
        return;
    }
    s.path = resolve_links(path);
    s.open_regular(exists ? &old : nullptr);
}

AtomicFile::~AtomicFile() = default;
AtomicFile::AtomicFile(AtomicFile&&) noexcept = default;

const std::string& AtomicFile::path() const {
    return impl_->path;
}
const std::string& AtomicFile::asked_path() const {
    return impl_->asked;
}
const std::string& AtomicFile::temp_path() const {
    return impl_->temp;
}
bool AtomicFile::is_stdout() const {
    return impl_->stream;
}
int AtomicFile::descriptor() const {
    return impl_->fd;
}
std::uint64_t AtomicFile::position() const {
    return impl_->position;
}

void AtomicFile::write(std::string_view bytes) {
    Impl& s = *impl_;
    s.position += bytes.size();
    if (s.buffer.size() + bytes.size() > kBuffer) flush();
    if (bytes.size() > kBuffer)
        s.write_out(bytes.data(), bytes.size(), -1);
    else
        s.buffer.append(bytes);
}

void AtomicFile::write_at(std::uint64_t offset, std::string_view bytes) {
    Impl& s = *impl_;
    require(!s.stream, ErrorKind::usage, s.path + ": this output needs a file that can be sought");
    flush();
    s.write_out(bytes.data(), bytes.size(), static_cast<off_t>(offset));
}

void AtomicFile::flush() {
    Impl& s = *impl_;
    // Emptied first: bytes that could not be written are not tried again.
    std::string pending;
    pending.swap(s.buffer);
    s.write_out(pending.data(), pending.size(), -1);
    pending.clear();
    s.buffer.swap(pending);
}

void AtomicFile::finish() {
    Impl& s = *impl_;
    if (s.finished) return;
    flush();
    if (!s.stream && fsync(s.fd) != 0) fail(s.path, "sync");
    s.check_close();
    s.finished = true;
}

void AtomicFile::appear() {
    Impl& s = *impl_;
    if (s.stream || s.appeared) return;
    if (rename(s.temp.c_str(), s.path.c_str()) != 0) fail(s.path, "rename the temporary file to");
    s.appeared = true;
    s.remembered.reset();
}

void AtomicFile::commit() {
    finish();
    appear();
    if (!impl_->stream) sync_directory(directory_of(impl_->path), impl_->path);
}

}  // namespace regkit
