// The main of every tool: parses, runs, and turns what was thrown into one line and an exit code.
//   0 done · 1 I/O or resources · 2 usage · 3 bad input · 4 mismatch · 5 diverged · 75 interrupted, can
//   resume · 141 the reader of standard output is gone · 128+n signal
#pragma once

#include <functional>
#include <vector>

#include "base/log.hpp"
#include "cli/options.hpp"

namespace regkit::cli {

using Body = std::function<void(const Arguments& args, Log& log)>;

// SIGINT, SIGTERM and SIGHUP remove registered temporaries (base/temporaries.hpp) and end the process by the
// same signal; a body that would rather finish a step uses StopRequest (cli/signals.hpp). SIGPIPE and SIGXFSZ
// are ignored, so that writes fail with an error that names the file. Standard output is checked at the end.
int run(int argc, const char* const* argv, const Tool& tool, const Body& body);

// A tool with subcommands. The first is the default: it runs when the first word names none.
struct Command {
    Tool tool;
    Body body;
};
int run(int argc, const char* const* argv, const std::vector<Command>& commands);

}  // namespace regkit::cli
