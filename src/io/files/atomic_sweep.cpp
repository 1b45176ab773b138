// Clearing away what killed runs left. A living owner holds a lock on its temporary, so one that can be
// locked has none; it must also be this user's and a minute old, and still the same file once it is open.
// Each directory is swept once in the life of a process.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>

#include "base/descriptor.hpp"
#include "io/files/atomic_paths.hpp"

namespace regkit {
namespace {

namespace fs = std::filesystem;

constexpr std::time_t kLeastAge = 60;

// What is locked, is somebody else's, or became another file in between is left alone.
void remove_ownerless(const std::string& path, std::time_t changed_before) {
    struct stat named {
    }, opened{};
    if (lstat(path.c_str(), &named) != 0 || named.st_uid != geteuid() || named.st_mtime > changed_before)
        return;
    const bool directory = S_ISDIR(named.st_mode);
    if (!directory && !S_ISREG(named.st_mode)) return;
    // Locks of network file systems need a descriptor that can write.
    const int fd =
        open_file(path.c_str(), O_NOFOLLOW | (directory ? O_RDONLY | O_DIRECTORY : O_RDWR | O_NONBLOCK));
    if (fd < 0) return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &opened) == 0 && opened.st_dev == named.st_dev &&
        opened.st_ino == named.st_ino) {
        std::error_code ignored;
        if (directory)
            fs::remove_all(path, ignored);
        else
            unlink(path.c_str());
    }
    close_file(fd);
}

}  // namespace

void lock_temporary(int descriptor) {
    (void)flock(descriptor, LOCK_EX | LOCK_NB);
}

void sweep_temporaries(const std::string& directory, std::time_t now, std::time_t least_age) {
    std::error_code error;
    for (fs::directory_iterator entry = open_directory(directory, error), end; !error && entry != end;
         entry.increment(error))
        if (is_temporary_name(entry->path().filename().native()))
            remove_ownerless(entry->path().native(), now - least_age);
}

void sweep_beside(const std::string& directory, int descriptor) {
    static std::mutex mutex;
    static std::set<std::string> swept;
    {
        const std::lock_guard guard(mutex);
        if (!swept.insert(directory).second) return;
    }
    struct stat info {};
    if (fstat(descriptor, &info) == 0) sweep_temporaries(directory, info.st_mtime, kLeastAge);
}

}  // namespace regkit
