// Warnings are counted by their kind, and of each kind only the first few are written; how many were held
// back is told at the end, in a line for each kind. So a file with a million bad lines gives a handful of
// messages, and a count.
#include "base/log.hpp"

namespace regkit {

void Log::warn(const std::string& kind, const std::string& text) {
    const std::lock_guard lock(mutex_);
    if (++counts_[kind] <= kShown) write(LogLevel::warning, text);
}

void Log::summarise() {
    const std::lock_guard lock(mutex_);
    for (const auto& [kind, count] : counts_)
        if (count > kShown)
            write(LogLevel::warning, std::to_string(count - kShown) + " more warnings of the kind " + kind);
    counts_.clear();
}

std::int64_t Log::count(const std::string& kind) const {
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(kind);
    return found == counts_.end() ? 0 : found->second;
}

}  // namespace regkit
