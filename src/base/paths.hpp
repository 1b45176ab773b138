// What lies under a path, and where. A failure is Error(resource) that names the path: what std::filesystem
// throws of its own accord is no Error, and would be taken for a fault of ours.
#pragma once

#include <string>
#include <string_view>

namespace regkit {

bool path_exists(const std::string& path);    // follows links
bool path_is_taken(const std::string& path);  // does not: a link that leads nowhere takes its name, too
bool path_is_directory(const std::string& path);
// From the root, without "." and "..", links as they are. It need not exist.
std::string absolute_path(const std::string& path);
// The same without links, of what exists.
std::string canonical_path(const std::string& path);

// Of a name alone, whether or not anything lies under it.
// Without the slashes behind it that a shell's completion of folders leaves; "/" stays.
std::string without_slashes(std::string path);
// Whether it ends as names of gzip and bgzip files do, in .gz or .bgz in any case; and the name without that.
bool has_gz_ending(std::string_view path);
std::string_view without_gz_ending(std::string_view path);

}  // namespace regkit
