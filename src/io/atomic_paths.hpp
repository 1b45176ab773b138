// Private to src/io/atomic_*.cpp: where temporaries lie, and that a rename lasts.
#pragma once

#include <string>

namespace regkit {

// The directory part of a path, "." where there is none.
std::string directory_of(const std::string& path);
// Beside the target, hidden, and not to be guessed: no other process holds the same name, nor did one that was killed.
std::string temporary_name(const std::string& path);
// fsync of a directory. Error(resource) naming `path`, the file in it that matters.
void sync_directory(const std::string& directory, const std::string& path);

}  // namespace regkit
