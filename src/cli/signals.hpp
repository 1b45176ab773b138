// What signals do to a tool.
#pragma once

namespace regkit::cli {

// Once, at the start: SIGPIPE and SIGXFSZ ignored; SIGINT, SIGTERM, SIGHUP remove temporaries, then kill. A
// signal that was ignored when the program started (nohup, background jobs) stays ignored.
void install_signal_handlers();

// While one lives, the first SIGINT or SIGTERM only sets a flag that the caller polls between steps (and then
// throws Error(interrupted)); a second one ends the process as usual. One at a time.
class StopRequest {
  public:
    StopRequest();
    ~StopRequest();
    StopRequest(const StopRequest&) = delete;
    StopRequest& operator=(const StopRequest&) = delete;

    static bool raised();  // async-signal-safe, callable from any thread
    static int signal();   // the number, 0 when none came
};

}  // namespace regkit::cli
