// A message becomes one line: tool, kind, text with control characters shown as hex.
#include "cli/stderr_log.hpp"

#include "base/printable.hpp"
#include "cli/progress.hpp"

namespace regkit::cli {

void StderrLog::write(LogLevel level, const std::string& text) {
    if (static_cast<int>(level) > verbosity_) return;
    const char* kind = level == LogLevel::warning ? "warning: " : level == LogLevel::error ? "error: " : "";
    const std::string line = tool_ + ": " + kind + printable(text) + "\n";
    write_message(line);
}

}  // namespace regkit::cli
