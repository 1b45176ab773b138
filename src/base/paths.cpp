// stat() and std::filesystem with their failures turned into Errors. That nothing lies under a path is an
// answer; that this cannot be told is an error.
#include "base/paths.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>

#include "base/text.hpp"
#include "kernels/base/error.hpp"

namespace regkit {
namespace {

namespace fs = std::filesystem;

// Of what stat() or lstat() gave for `path`: whether there is something.
bool found(int status, const std::string& path) {
    if (status == 0) return true;
    if (errno != ENOENT && errno != ENOTDIR) throw_errno(path + ": cannot tell whether it exists");
    return false;
}

void require_none(const std::error_code& error, const std::string& path) {
    if (error == std::errc::not_enough_memory) throw std::bad_alloc();
    if (error) throw Error(ErrorKind::resource, path + ": cannot tell where it lies: " + error.message());
}

}  // namespace

bool path_exists(const std::string& path) {
    struct stat info {};
    return found(stat(path.c_str(), &info), path);
}

bool path_is_taken(const std::string& path) {
    struct stat info {};
    return found(lstat(path.c_str(), &info), path);
}

bool path_is_directory(const std::string& path) {
    struct stat info {};
    return found(stat(path.c_str(), &info), path) && S_ISDIR(info.st_mode);
}

std::string absolute_path(const std::string& path) {
    std::error_code error;
    const fs::path whole = fs::absolute(path, error);
    require_none(error, path);
    return whole.lexically_normal().string();
}

std::string canonical_path(const std::string& path) {
    std::error_code error;
    const fs::path whole = fs::canonical(path, error);
    require_none(error, path);
    return whole.string();
}

std::string without_slashes(std::string path) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

bool has_gz_ending(std::string_view path) {
    return without_gz_ending(path).size() < path.size();
}

std::string_view without_gz_ending(std::string_view path) {
    const std::string name = lower_case(path);
    for (const std::string_view end : {".gz", ".bgz"})
        if (name.ends_with(end)) return path.substr(0, path.size() - end.size());
    return path;
}

}  // namespace regkit
