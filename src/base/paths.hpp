// What lies under a path, and where. A failure is Error(resource) that names the path: what std::filesystem
// throws of its own accord is no Error, and would be taken for a fault of ours.
#pragma once

#include <string>

namespace regkit {

bool path_exists(const std::string& path);    // follows links
bool path_is_taken(const std::string& path);  // does not: a link that leads nowhere takes its name, too
bool path_is_directory(const std::string& path);
// From the root, without "." and "..", links as they are. It need not exist.
std::string absolute_path(const std::string& path);
// The same without links, of what exists.
std::string canonical_path(const std::string& path);

}  // namespace regkit
