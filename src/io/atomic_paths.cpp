#include "io/atomic_paths.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "base/error.hpp"

namespace regkit {
namespace {

std::string name_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

std::string temporary_name(const std::string& path) {
    std::uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
        throw_errno(path + ": cannot get random bytes for");
    std::array<char, 17> hex{};
    std::snprintf(hex.data(), hex.size(), "%016llx", static_cast<unsigned long long>(random));
    // A long name must still fit NAME_MAX with the suffix.
    return directory_of(path) + "/." + name_of(path).substr(0, 200) + "." + hex.data() + ".tmp";
}

void sync_directory(const std::string& directory, const std::string& path) {
    const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) throw_errno(path + ": cannot open the directory of");
    const int status = fsync(fd);
    const int saved = errno;
    close(fd);
    // Some network file systems do not sync directories.
    if (status != 0 && saved != EINVAL && saved != ENOTSUP) {
        errno = saved;
        throw_errno(path + ": cannot sync the directory of");
    }
}

}  // namespace regkit
