// Temporary files and directories that must not outlive the process, removable from a signal handler.
#pragma once

#include <string>

namespace regkit {

// Remembers one path until destroyed (or until a handler has removed it). Construct it *before* the path
// comes into being, so that no signal falls between. Does not remove anything itself. Throws std::bad_alloc
// only: when the table (8192 entries) is full the path is simply not remembered.
class Temporary {
  public:
    explicit Temporary(const std::string& path);
    ~Temporary();
    Temporary(Temporary&& other) noexcept;
    Temporary& operator=(Temporary&& other) noexcept;

  private:
    void forget() noexcept;
    int slot_ = -1;
};

// Removes every remembered path: files first, then the directories that are empty by then. Async-signal-safe:
// a handler of SIGINT, SIGTERM or SIGHUP calls it before it ends the process. Errors are ignored, there is
// nobody to tell.
void remove_temporaries() noexcept;

}  // namespace regkit
