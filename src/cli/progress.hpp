// How far a long run is: one line that is rewritten on a terminal, a line a minute elsewhere, or JSON
// (--progress). Every tool that takes long has it, with the same words and the same keys.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/work_done.hpp"
#include "cli/options.hpp"

namespace regkit::cli {

// What a tool adds to the fields that all have.
struct ProgressField {
    std::string name;  // JSON key
    double value = 0;  // null where it is not finite
    std::string text;  // on a terminal; empty: not shown there
};

// Writes to standard error: ten times a second on a terminal, once a second as JSON, once a minute into a log
// file, where a run of less than a minute has no line. Not thread-safe, but messages of other threads
// (write_message) do not mix with its line.
class Progress {
  public:
    enum class Mode { none, line, lines, json };
    using Clock = std::function<std::chrono::steady_clock::time_point()>;

    // What --progress asks for. "auto" is a line where standard error is a terminal, unless rows go to a
    // terminal too while the work goes on; and nothing where --verbosity leaves out summaries.
    explicit Progress(const Arguments& args, bool rows_on_stdout = false);
    // `columns` of the terminal; 0: as many as it has at the time.
    Progress(std::string tool, Mode mode, Clock clock, int columns = 0);
    ~Progress();  // clears the line
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // A line is cleared when all is complete, so that results may follow it on the terminal.
    void update(const WorkDone& work, const std::vector<ProgressField>& more = {});
    // For the library to call.
    TellWork tell() {
        return [this](const WorkDone& work) { update(work); };
    }
    // The run has succeeded: clears the line; JSON gets its last object, whose share is 1.
    void finish();

  private:
    using Time = std::chrono::steady_clock::time_point;
    struct Figures;    // of the work at a time
    bool due() const;  // it is time to show something again
    Figures figures(const WorkDone& work, Time now) const;
    std::string json(const WorkDone& work, const Figures& now) const;
    std::string line(const WorkDone& work, const Figures& now) const;

    std::string tool_;
    Mode mode_;
    Clock clock_;
    int columns_;
    std::optional<Time> shown_;
    Time begin_{};  // of the work: when the first call came
    std::optional<WorkDone> first_, last_;
    std::vector<ProgressField> more_;  // of the last call
};

// Writes lines to standard error, in place of a progress line that stands on the terminal. Thread-safe.
void write_message(const std::string& lines);
// Only clears it; without a lock or an allocation, for whoever has no time for either.
void clear_progress_line() noexcept;
// The same, async-signal-safe: what a shell prints next begins on a line of its own.
void leave_progress_line() noexcept;

// "3h05m", "4m09s", "12s".
std::string duration_text(double seconds);
// "1,234,567"
std::string grouped(double value);

}  // namespace regkit::cli
