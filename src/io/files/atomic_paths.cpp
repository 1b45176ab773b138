// A temporary is hidden, beside its target so that a rename stays in one file system, and named by random
// digits, so that two processes never share it and sweeping can tell it from a user's file. A link is
// followed to the file it leads to, which is the one to be replaced.
#include "io/files/atomic_paths.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "base/descriptor.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr std::string_view kEnding = ".regkit.tmp";
constexpr std::size_t kDigits = 16;
constexpr int kMaxLinks = 40;  // as the kernel's own limit

std::string name_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

bool is_standard_output(const std::string& path) {
    return path.empty() || path == "-" || path == "/dev/stdout";
}

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

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
    throw_errno(given + ": cannot write");
}

std::string temporary_name(const std::string& path) {
    std::uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
        throw_errno(path + ": cannot get random bytes for");
    std::array<char, kDigits + 1> hex{};
    std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(random));
    // A long name must still fit NAME_MAX with the suffix.
    return directory_of(path) + "/." + name_of(path).substr(0, 200) + "." + hex.data() + std::string(kEnding);
}

bool is_temporary_name(std::string_view name) {
    if (!name.starts_with('.') || !name.ends_with(kEnding)) return false;
    name.remove_suffix(kEnding.size());
    if (name.size() < kDigits + 2 || name[name.size() - kDigits - 1] != '.') return false;
    return name.find_first_not_of("0123456789abcdef", name.size() - kDigits) == std::string_view::npos;
}

void sync_directory(const std::string& directory, const std::string& path) {
    const int fd = open_file(directory.c_str(), O_RDONLY | O_DIRECTORY);
    if (fd < 0) throw_errno(path + ": cannot open the directory of");
    const int status = fsync(fd);
    const int saved = errno;
    close_file(fd);
    // Some network file systems do not sync directories.
    if (status != 0 && saved != EINVAL && saved != ENOTSUP) {
        errno = saved;
        throw_errno(path + ": cannot sync the directory of");
    }
}

}  // namespace regkit
