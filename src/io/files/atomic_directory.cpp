// A directory that appears whole or not at all. It is filled under a temporary name beside the target, locked
// while its owner lives, and put in place by one rename; an older one is exchanged for it and then removed,
// so that under the name there is always a complete one. Where the system cannot exchange, the old one is
// moved aside first, and back if that fails.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/descriptor.hpp"
#include "base/paths.hpp"
#include "base/temporaries.hpp"
#include "base/text.hpp"
#include "io/files/atomic_file.hpp"
#include "io/files/atomic_paths.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace fs = std::filesystem;
namespace {

// Puts `fresh` under the name of `old`, and `old` under the name of `fresh`.
void exchange(const std::string& fresh, const std::string& old) {
    if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, old.c_str(), RENAME_EXCHANGE) == 0) return;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) throw_errno(old + ": cannot replace");
    // Without an atomic exchange the old one is moved aside, and back should the second rename fail.
    const std::string aside = fresh + ".old";
    if (rename(old.c_str(), aside.c_str()) != 0) throw_errno(old + ": cannot move aside");
    if (rename(fresh.c_str(), old.c_str()) != 0) {
        const int saved = errno;
        if (rename(aside.c_str(), old.c_str()) != 0)
            throw_errno(old + ": cannot replace; the previous one is now " + aside);
        errno = saved;
        throw_errno(old + ": cannot replace");
    }
    if (rename(aside.c_str(), fresh.c_str()) != 0) throw_errno(old + ": replaced, but " + aside + " remains");
}

// What no data set holds; "" where there is nothing of the kind. The first by name, so that a message does
// not depend on the file system.
std::string first_foreign(const std::string& path, const std::vector<std::string>& files) {
    std::string first;
    std::error_code error;
    for (fs::directory_iterator entry = open_directory(path, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        std::error_code ignored;
        if (std::find(files.begin(), files.end(), name) != files.end() && !entry->is_directory(ignored))
            continue;
        if (first.empty() || name < first) first = name;
    }
    require(!error, ErrorKind::resource, path + ": cannot list: " + error.message());
    return first;
}

}  // namespace

void require_replaceable(const std::string& path, const std::string& mark,
                         const std::vector<std::string>& files) {
    std::error_code error;
    if (!fs::exists(path, error)) return;
    const bool ours =
        fs::is_directory(path, error) && (fs::is_empty(path, error) || fs::exists(path + "/" + mark, error));
    require(ours && !error, ErrorKind::resource,
            path + ": exists and holds no " + mark + ", so --force does not replace it; choose another name");
    const std::string foreign = first_foreign(path, files);
    require(foreign.empty(), ErrorKind::resource,
            path + ": holds " + regkit::quoted(foreign) +
                ", which is no part of it, so --force does not replace it; move that elsewhere");
}

struct AtomicDirectory::Impl {
    std::string path, temp, mark;
    std::vector<std::string> known;  // what the directory that is replaced may hold
    std::unique_ptr<Temporary> remembered;
    std::vector<Temporary> files;
    int fd = -1;  // of the temporary directory, which it locks
    bool replace = false, committed = false;

    ~Impl() {
        std::error_code ignored;
        if (!committed && remembered) fs::remove_all(temp, ignored);
        if (fd >= 0) close_file(fd);
    }
};

AtomicDirectory::AtomicDirectory(const std::string& path, const std::string& mark,
                                 const std::vector<std::string>& files, bool force)
    : impl_(std::make_unique<Impl>()) {
    Impl& s = *impl_;
    s.path = without_slashes(path);
    std::error_code error;
    // A link to a directory is replaced where it leads.
    if (fs::is_symlink(s.path, error) && fs::exists(s.path, error)) s.path = canonical_path(s.path);
    if (fs::exists(fs::symlink_status(s.path, error))) {
        require(force, ErrorKind::resource, s.path + ": exists already; use --force to replace it");
        require_replaceable(s.path, mark, files);
        s.mark = mark;
        s.known = files;
        s.replace = true;
    }
    s.temp = temporary_name(s.path);
    s.remembered = std::make_unique<Temporary>(s.temp);
    if (mkdir(s.temp.c_str(), 0777) != 0) {
        const int saved = errno;
        s.remembered.reset();
        errno = saved;
        throw_errno(s.path + ": cannot create");
    }
    s.fd = open_file(s.temp.c_str(), O_RDONLY | O_DIRECTORY);
    if (s.fd < 0) throw_errno(s.path + ": cannot open the temporary directory of");
    lock_temporary(s.fd);
    sweep_beside(directory_of(s.path), s.fd);
}

AtomicDirectory::~AtomicDirectory() = default;
AtomicDirectory::AtomicDirectory(AtomicDirectory&&) noexcept = default;

std::string AtomicDirectory::file(const std::string& name) {
    std::string path = impl_->temp + "/" + name;
    impl_->files.emplace_back(path);
    return path;
}

std::string AtomicDirectory::with_final_names(std::string message) const {
    const std::string& temp = impl_->temp;
    for (auto at = message.find(temp); at != std::string::npos;
         at = message.find(temp, at + impl_->path.size()))
        message.replace(at, temp.size(), impl_->path);
    return message;
}

void AtomicDirectory::commit() {
    Impl& s = *impl_;
    sync_directory(s.temp, s.path);
    if (s.replace) require_replaceable(s.path, s.mark, s.known);  // once more, hours may have passed
    if (s.replace)
        exchange(s.temp, s.path);
    else if (renameat2(AT_FDCWD, s.temp.c_str(), AT_FDCWD, s.path.c_str(), RENAME_NOREPLACE) != 0 &&
             (errno == EEXIST || rename(s.temp.c_str(), s.path.c_str()) != 0))
        throw_errno(s.path + ": cannot rename the temporary directory to");
    s.committed = true;
    s.files.clear();
    s.remembered.reset();
    close_file(s.fd);
    s.fd = -1;
    const std::string remains = "replaced, but the previous one remains as " + s.temp;
    try {
        sync_directory(directory_of(s.path), s.path);
    } catch (const Error& error) {
        if (!s.replace) throw;
        throw Error(error.kind(), std::string(error.what()) + "; " + remains);
    }
    if (!s.replace) return;
    std::error_code error;
    do fs::remove_all(s.temp, error);  // the old one
    while (error == std::errc::interrupted);
    require(!error, ErrorKind::resource, s.path + ": " + remains);
}

}  // namespace regkit
