// open(2), close(2), pread(2) and opendir(3) where a signal may come between, or only part is read.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>

namespace regkit {

// Tried again while a signal interrupts it; O_CLOEXEC is added. The descriptor, or -1 and errno.
int open_file(const char* path, int flags, unsigned mode = 0);
// As close(), but an interrupted one counts as done: Linux has let the descriptor go by then, and a second
// attempt could close what another thread has opened since. Whether bytes arrived is for fsync() to say,
// before.
int close_file(int descriptor);
// Reads on until `bytes` are filled or the file ends. How many were read, or -1 and errno.
ssize_t read_at(int descriptor, std::uint64_t offset, std::span<char> bytes);
// The entries of a directory; tried again while a signal interrupts it.
std::filesystem::directory_iterator open_directory(const std::string& path, std::error_code& error);

}  // namespace regkit
