// From the top down, so that what a power cut leaves is a path without gaps.
#include "io/files/parents.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <vector>

#include "base/paths.hpp"
#include "io/files/atomic_paths.hpp"
#include "kernels/base/error.hpp"

namespace regkit {

void make_parents(const std::string& path) {
    if (is_standard_output(path)) return;
    std::vector<std::string> missing;
    for (std::string folder = directory_of(path); !path_is_taken(folder); folder = directory_of(folder))
        missing.push_back(folder);
    for (; !missing.empty(); missing.pop_back()) {
        const std::string& folder = missing.back();
        constexpr mode_t kAll = 0777;  // less what umask takes
        if (mkdir(folder.c_str(), kAll) != 0 && errno != EEXIST)
            throw_errno(path + ": cannot make the folder " + folder);
        sync_directory(directory_of(folder), folder);
    }
}

}  // namespace regkit
