// Each update is one write of a whole line, and only where enough time has gone by since the last. That a
// line stands on the terminal is remembered for the whole process, so that the log can clear it before it
// writes a message.
#include "cli/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>

namespace regkit::cli {
namespace {

std::atomic<bool> line_shown{false};

}  // namespace

void clear_progress_line() {
    if (line_shown.exchange(false)) std::fputs("\r\033[K", stderr);
}

Progress::Progress(std::string tool, const std::string& mode, std::chrono::milliseconds pause)
    : tool_(std::move(tool)), pause_(pause) {
    if (mode == "json") mode_ = Mode::json;
    if (mode == "auto") mode_ = isatty(STDERR_FILENO) != 0 ? Mode::line : Mode::lines;
    if (mode_ == Mode::json) pause_ = std::chrono::seconds(1);
    if (mode_ == Mode::line) pause_ = std::chrono::milliseconds(100);
    // In a log file a short run has no such line.
    if (mode_ == Mode::lines) last_ = std::chrono::steady_clock::now();
}

Progress::~Progress() {
    clear_progress_line();
}

bool Progress::due() const {
    if (mode_ == Mode::none) return false;
    return std::chrono::steady_clock::now() - last_ >= pause_;
}

void Progress::update(const std::vector<ProgressField>& fields) {
    if (!due()) return;
    last_ = std::chrono::steady_clock::now();
    std::string line;
    if (mode_ != Mode::json) {
        line = (mode_ == Mode::line ? "\r" : "") + tool_ + ":";
        for (const ProgressField& field : fields)
            if (!field.text.empty()) line += "  " + field.text;
        line += mode_ == Mode::line ? "\033[K" : "\n";
    } else {
        line = "{\"tool\":\"" + tool_ + "\"";
        for (const ProgressField& field : fields) {
            char value[32];
            std::snprintf(value, sizeof value, "%.10g", field.value);
            line += ",\"" + field.name + "\":" + (std::isfinite(field.value) ? value : "null");
        }
        line += "}\n";
    }
    std::fputs(line.c_str(), stderr);
    std::fflush(stderr);
    line_shown = mode_ == Mode::line;
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
