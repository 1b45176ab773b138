// A message becomes one line: tool, kind, text with control characters shown as hex. It is written by one
// call, so that lines of several threads do not mix, after a progress line was cleared away.
#include "cli/stderr_log.hpp"

#include <cstdio>

#include "base/printable.hpp"
#include "cli/progress.hpp"

namespace regkit::cli {

void StderrLog::write(LogLevel level, const std::string& text) {
    if (static_cast<int>(level) > verbosity_) return;
    const char* kind = level == LogLevel::warning ? "warning: " : level == LogLevel::error ? "error: " : "";
    const std::string line = tool_ + ": " + kind + printable(text) + "\n";
    clear_progress_line();
    std::fputs(line.c_str(), stderr);  // one call, so that lines of several threads do not mix
}

}  // namespace regkit::cli
