// The folders that a file's name leads through.
#pragma once

#include <string>

namespace regkit {

// Makes those that are missing; they are on the disk when it returns, and stay whatever becomes of the file.
// Error(resource) where one cannot be made.
void make_parents(const std::string& path);

}  // namespace regkit
