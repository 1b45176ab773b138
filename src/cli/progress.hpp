// How far a long run is: one line that is rewritten on a terminal, a line a minute elsewhere, or JSON
// (--progress).
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace regkit::cli {

struct ProgressField {
    std::string name;  // JSON key
    double value = 0;
    std::string text;  // on a terminal; empty: not shown there
};

// Writes to standard error: ten times a second on a terminal, once a second as JSON, once a minute into a log
// file. Not thread-safe.
class Progress {
  public:
    // mode: "auto" (a line that is rewritten where standard error is a terminal, else lines `pause` apart),
    // "none", "json".
    Progress(std::string tool, const std::string& mode,
             std::chrono::milliseconds pause = std::chrono::minutes(1));
    ~Progress();  // clears the line
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    bool due() const;  // false: update would do nothing yet
    void update(const std::vector<ProgressField>& fields);

  private:
    enum class Mode { none, line, lines, json };
    std::string tool_;
    Mode mode_ = Mode::none;
    std::chrono::milliseconds pause_{};
    std::chrono::steady_clock::time_point last_{};
};

// Clears a progress line that stands on the terminal, so that a message can take its place.
void clear_progress_line();

// "3h05m", "4m09s", "12s".
std::string duration_text(double seconds);
// "1,234,567"
std::string grouped(double value);

}  // namespace regkit::cli
