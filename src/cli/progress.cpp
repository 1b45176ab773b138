// Each update is one write of a whole line, and only where enough time has gone by since the last. Speed and
// time left are means since the work began: the library counts, the clock is here. That a line stands on the
// terminal is remembered for the whole process, so that whoever writes a message can clear it first, and one
// lock keeps the two apart.
#include "cli/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <string_view>

namespace regkit::cli {
namespace {

constexpr const char* kClear = "\r\033[K";
std::atomic<bool> line_shown{false};
std::mutex writing;

constexpr int kSummaries = 4;  // of --verbosity

bool is_terminal(int descriptor) {
    return isatty(descriptor) != 0;
}

Progress::Mode mode_of(const Arguments& args, bool rows_on_stdout) {
    const std::string mode = args.text("progress");
    if (mode == "json") return Progress::Mode::json;
    if (mode == "none" || args.integer("verbosity", 0, 9) < kSummaries) return Progress::Mode::none;
    if (!is_terminal(STDERR_FILENO)) return Progress::Mode::lines;
    // Rows and a line that is rewritten would stand in each other.
    return rows_on_stdout && is_terminal(STDOUT_FILENO) ? Progress::Mode::none : Progress::Mode::line;
}

std::chrono::milliseconds pause_of(Progress::Mode mode) {
    if (mode == Progress::Mode::lines) return std::chrono::minutes(1);
    return mode == Progress::Mode::json ? std::chrono::seconds(1) : std::chrono::milliseconds(100);
}

int terminal_columns() {
    constexpr int kUsual = 80;
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

bool of_bases(const WorkDone& work) {
    return std::string_view(work.unit) == "bases";
}

// "1,234 of 5,000"; without a total "1,234".
std::string counted_of(std::int64_t done, std::int64_t total) {
    return grouped(static_cast<double>(done)) +
           (total > 0 ? " of " + grouped(static_cast<double>(total)) : "");
}

// "12.3 of 64.4 Mb, 3 of 21 files", "1,234 of 5,000 records", "1,234 records".
std::string amount_text(const WorkDone& work) {
    const auto done = static_cast<double>(work.done), total = static_cast<double>(work.total);
    if (!of_bases(work)) return counted_of(work.done, work.total) + " " + work.unit;
    const bool kilo = std::max(done, total) < 1e6;
    const double scale = kilo ? 1e3 : 1e6;
    char text[80];
    if (work.total > 0)
        std::snprintf(text, sizeof text, "%.1f of %.1f %s", done / scale, total / scale, kilo ? "kb" : "Mb");
    else
        std::snprintf(text, sizeof text, "%.1f %s", done / scale, kilo ? "kb" : "Mb");
    return text + (work.all_files > 0 ? ", " + counted_of(work.files, work.all_files) + " files" : "");
}

std::string speed_text(const WorkDone& work, double per_second) {
    if (of_bases(work)) return grouped(per_second) + " nt/s";
    char text[40];
    std::snprintf(text, sizeof text, "%.3g", per_second);
    return (per_second < 100 ? text : grouped(per_second)) + " " + work.unit + "/s";
}

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.10g", value);
    return std::isfinite(value) ? text : "null";
}

}  // namespace

void write_message(const std::string& lines) {
    const std::lock_guard lock(writing);
    std::fputs(line_shown.exchange(false) ? (kClear + lines).c_str() : lines.c_str(), stderr);
}

void clear_progress_line() noexcept {
    if (line_shown.exchange(false)) std::fputs(kClear, stderr);
}

void leave_progress_line() noexcept {
    if (!line_shown.exchange(false)) return;
    while (write(STDERR_FILENO, "\n", 1) < 0 && errno == EINTR) {
    }
}

struct Progress::Figures {
    double seconds, share, per_second, seconds_left;
};

Progress::Progress(const Arguments& args, bool rows_on_stdout)
    : Progress(args.tool().name, mode_of(args, rows_on_stdout), std::chrono::steady_clock::now) {}

Progress::Progress(std::string tool, Mode mode, Clock clock, int columns)
    : tool_(std::move(tool)), mode_(mode), clock_(std::move(clock)), columns_(columns) {
    if (mode_ == Mode::lines) shown_ = clock_();
}

Progress::~Progress() {
    if (mode_ == Mode::line) write_message("");
}

bool Progress::due() const {
    return mode_ != Mode::none && (!shown_ || clock_() - *shown_ >= pause_of(mode_));
}

Progress::Figures Progress::figures(const WorkDone& work, Time now) const {
    const auto share_of = [](const WorkDone& w) {
        return w.total > 0 && std::isnan(w.share) ? static_cast<double>(w.done) / static_cast<double>(w.total)
                                                  : w.share;
    };
    Figures f{std::chrono::duration<double>(now - begin_).count(), share_of(work), work.per_second,
              work.seconds_left};
    const double gained = f.share - share_of(*first_);
    if (std::isnan(f.per_second) && f.seconds > 0)
        f.per_second = static_cast<double>(work.done - first_->done) / f.seconds;
    if (std::isnan(f.seconds_left) && gained > 0) f.seconds_left = f.seconds * (1 - f.share) / gained;
    return f;
}

void Progress::update(const WorkDone& work, const std::vector<ProgressField>& more) {
    if (mode_ == Mode::none) return;
    const Time now = clock_();
    if (!first_) {
        begin_ = now;
        first_ = work;
    }
    last_ = work;
    more_ = more;
    if (work.complete && mode_ == Mode::line) write_message("");
    if (work.complete || !due()) return;
    shown_ = now;
    const Figures f = figures(work, now);
    const std::lock_guard lock(writing);
    if (mode_ == Mode::line) {
        const int columns = columns_ > 0 ? columns_ : terminal_columns();
        // One that fills the last column would go on below.
        const std::string text = line(work, f).substr(0, static_cast<std::size_t>(std::max(columns - 1, 1)));
        std::fputs((kClear + text).c_str(), stderr);
    } else {
        std::fputs(((mode_ == Mode::json ? json(work, f) : line(work, f)) + "\n").c_str(), stderr);
    }
    std::fflush(stderr);
    line_shown = mode_ == Mode::line;
}

void Progress::finish() {
    if (mode_ == Mode::line) write_message("");
    if (mode_ != Mode::json || !last_) return;
    WorkDone work = *last_;
    if (work.total == 0) work.total = work.done;
    work.share = 1;
    work.seconds_left = 0;
    write_message(json(work, figures(work, clock_())) + "\n");
}

std::string Progress::json(const WorkDone& work, const Figures& f) const {
    std::string text = "{\"tool\":\"" + tool_ + "\",\"unit\":\"" + work.unit +
                       "\",\"done\":" + std::to_string(work.done) +
                       ",\"total\":" + (work.total > 0 ? std::to_string(work.total) : "null") +
                       ",\"share\":" + number(f.share) + ",\"per_s\":" + number(f.per_second) +
                       ",\"seconds\":" + number(f.seconds) + ",\"seconds_left\":" + number(f.seconds_left);
    if (work.all_files > 0)
        text +=
            ",\"files\":" + std::to_string(work.files) + ",\"files_total\":" + std::to_string(work.all_files);
    for (const ProgressField& field : more_) text += ",\"" + field.name + "\":" + number(field.value);
    return text + "}";
}

std::string Progress::line(const WorkDone& work, const Figures& f) const {
    std::string text = tool_ + ":  " + amount_text(work);
    if (std::isfinite(f.share)) text += " (" + grouped(std::floor(f.share * 100)) + " %)";
    if (std::isfinite(f.per_second)) text += "  " + speed_text(work, f.per_second);
    if (std::isfinite(f.seconds_left)) text += "  ETA " + duration_text(f.seconds_left);
    for (const ProgressField& field : more_)
        if (!field.text.empty()) text += "  " + field.text;
    return text;
}

std::string duration_text(double seconds) {
    if (!(seconds >= 0 && seconds < 1e9)) return "?";
    const auto s = static_cast<long long>(std::llround(seconds));
    char text[40];
    if (s >= 3600)
        std::snprintf(text, sizeof text, "%lldh%02lldm", s / 3600, s / 60 % 60);
    else if (s >= 60)
        std::snprintf(text, sizeof text, "%lldm%02llds", s / 60, s % 60);
    else
        std::snprintf(text, sizeof text, "%llds", s);
    return text;
}

std::string grouped(double value) {
    std::string digits = std::to_string(std::llround(std::max(value, 0.0)));
    for (std::size_t i = digits.size(); i > 3;) {
        i -= 3;
        digits.insert(i, ",");
    }
    return digits;
}

}  // namespace regkit::cli
