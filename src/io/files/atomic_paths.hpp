// Private to src/io/atomic_*.cpp and output_*.cpp: where temporaries lie, who owns them, and that a rename
// lasts.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

namespace regkit {

// Whether an output goes there: "", "-" and /dev/stdout.
bool is_standard_output(const std::string& path);
// The directory part of a path, "." where there is none.
std::string directory_of(const std::string& path);
// Follows the links of the last component, so that the file they lead to is replaced and not the link. It may
// not exist.
std::string resolve_links(std::string path);
// Beside the target, hidden, and not to be guessed: no other process holds the same name, nor did one that
// was killed.
std::string temporary_name(const std::string& path);
// Whether the last component of a path is a name that temporary_name() gives.
bool is_temporary_name(std::string_view name);
// fsync of a directory. Error(resource) naming `path`, the file in it that matters.
void sync_directory(const std::string& directory, const std::string& path);

// Says that the open temporary has a living owner, for as long as it is open. Where the file system has no
// locks nobody can take it for ownerless either.
void lock_temporary(int descriptor);
// Removes what killed runs left in a directory: this user's temporaries, by their names, that nobody has
// locked and that were last changed `least_age` seconds before `now` (a time of that file system, not of this
// machine's clock). What cannot be removed stays: it harms nobody.
void sweep_temporaries(const std::string& directory, std::time_t now, std::time_t least_age);
// The same, once a directory in the life of a process, of temporaries older than a minute. `descriptor` is a
// temporary just made there: it says what time it is.
void sweep_beside(const std::string& directory, int descriptor);

}  // namespace regkit
