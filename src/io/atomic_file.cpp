#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/error.hpp"
#include "base/temporaries.hpp"
#include "io/atomic_paths.hpp"

namespace regkit {
namespace {

constexpr std::size_t kBuffer = 1 << 16;  // small: a tool may write a thousand tracks at once
constexpr int kMaxLinks = 40;  // as the kernel's own limit

[[noreturn]] void fail(const std::string& path, const char* verb) {
    if (errno == EPIPE) throw BrokenPipe{};
    throw_errno(path + ": cannot " + verb);
}

bool is_standard_output(const std::string& path) {
    return path.empty() || path == "-" || path == "/dev/stdout";
}

// Follows the links of the last component, so that the file they lead to is replaced and not the link. It may not exist.
std::string resolve_links(std::string path) {
    const std::string given = path;
    for (int depth = 0; depth < kMaxLinks; ++depth) {
        std::array<char, 4096> target{};
        const ssize_t length = readlink(path.c_str(), target.data(), target.size());
        if (length < 0) return path;
        const std::string text(target.data(), static_cast<std::size_t>(length));
        path = text.starts_with('/') ? text : directory_of(path) + "/" + text;
    }
    errno = ELOOP;
    fail(given, "write");
}

}  // namespace

struct AtomicFile::Impl {
    std::string path, temp;
    std::unique_ptr<Temporary> remembered;
    std::string buffer;
    std::uint64_t position = 0;
    int fd = -1;
    bool stream = false;     // standard output, device or FIFO
    bool owned = false;      // the descriptor is ours to close
    bool committed = false;

    ~Impl() {
        if (owned && fd >= 0) close(fd);
        if (!stream && !committed && remembered) unlink(temp.c_str());
    }

    void open_regular(const struct stat* old) {
        if (old != nullptr && access(path.c_str(), W_OK) != 0) fail(path, "write");
        for (;;) {
            temp = temporary_name(path);
            remembered = std::make_unique<Temporary>(temp);
            fd = open(temp.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
            if (fd >= 0) break;
            const int saved = errno;
            remembered.reset();
            errno = saved;
            if (errno != EEXIST && errno != EINTR) fail(path, "create");
        }
        owned = true;
        if (old != nullptr && fchmod(fd, old->st_mode & 0777) != 0) fail(path, "set the mode of");
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
        s.fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (s.fd < 0) fail(path, "open");
        s.owned = true;
        return;
    }
    s.path = resolve_links(path);
    s.open_regular(exists ? &old : nullptr);
}

AtomicFile::~AtomicFile() = default;
AtomicFile::AtomicFile(AtomicFile&&) noexcept = default;

const std::string& AtomicFile::path() const { return impl_->path; }
const std::string& AtomicFile::temp_path() const { return impl_->temp; }
bool AtomicFile::is_stdout() const { return impl_->stream; }
int AtomicFile::descriptor() const { return impl_->fd; }
std::uint64_t AtomicFile::position() const { return impl_->position; }

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

void AtomicFile::commit() {
    Impl& s = *impl_;
    flush();
    if (s.stream) {
        // Closing a duplicate reports what a network file system only says on close, and leaves standard output open.
        const int copy = dup(s.fd);
        if (copy < 0 || close(copy) != 0) fail(s.path, "close");
        return;
    }
    if (fsync(s.fd) != 0) fail(s.path, "sync");
    const int fd = s.fd;
    s.fd = -1;
    if (close(fd) != 0) fail(s.path, "close");
    if (rename(s.temp.c_str(), s.path.c_str()) != 0) fail(s.path, "rename the temporary file to");
    s.committed = true;
    s.remembered.reset();
    sync_directory(directory_of(s.path), s.path);
}

void refuse_same_file(const std::string& output, const std::string& input) {
    struct stat out {}, in {};
    const bool to_stdout = is_standard_output(output);
    if ((to_stdout ? fstat(STDOUT_FILENO, &out) : stat(output.c_str(), &out)) != 0) return;
    if ((input == "-" ? fstat(STDIN_FILENO, &in) : stat(input.c_str(), &in)) != 0) return;
    if (S_ISREG(out.st_mode) && out.st_dev == in.st_dev && out.st_ino == in.st_ino)
        throw Error(ErrorKind::usage, (to_stdout ? "standard output" : output) + ": is the same file as the input " +
                                          input + "; choose another output");
}

void refuse_same_output(const std::string& first, const std::string& second) {
    namespace fs = std::filesystem;
    std::error_code error;
    const auto place = [&](const std::string& path) {
        return is_standard_output(path) ? fs::path("-") : fs::weakly_canonical(fs::absolute(path), error);
    };
    struct stat info {};
    // What is sent to /dev/null twice harms nobody.
    const bool special = !is_standard_output(first) && stat(first.c_str(), &info) == 0 && !S_ISREG(info.st_mode);
    const bool same = place(first) == place(second);
    require(!same || special || error, ErrorKind::usage,
            "the outputs '" + first + "' and '" + second + "' would be the same file; give each its own");
}

}  // namespace regkit
