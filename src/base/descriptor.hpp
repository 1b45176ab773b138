// open(2) and close(2) where a signal may come between.
#pragma once

namespace regkit {

// Tried again while a signal interrupts it; O_CLOEXEC is added. The descriptor, or -1 and errno.
int open_file(const char* path, int flags, unsigned mode = 0);
// As close(), but an interrupted one counts as done: Linux has let the descriptor go by then, and a second attempt could
// close what another thread has opened since. Whether bytes arrived is for fsync() to say, before.
int close_file(int descriptor);

}  // namespace regkit
