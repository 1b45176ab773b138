// Where the library's words go. The library never writes to a stream itself: cli passes a sink.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace regkit {

enum class LogLevel : int { error = 1, warning = 3, info = 4, debug = 5 };  // htslib's --verbosity scale

// Thread-safe. Warnings carry a kind ("summit-outside-peak"): the first kShown of a kind are passed on, the
// rest counted.
class Log {
  public:
    static constexpr int kShown = 10;
    virtual ~Log() = default;

    void info(const std::string& text) { write(LogLevel::info, text); }
    void debug(const std::string& text) { write(LogLevel::debug, text); }
    void warn(const std::string& kind, const std::string& text);
    // Says how many warnings of each kind were held back, then forgets the counts. Call once, at the end.
    void summarise();
    // Warnings of a kind seen so far.
    std::int64_t count(const std::string& kind) const;

  protected:
    virtual void write(LogLevel level, const std::string& text) = 0;

  private:
    mutable std::mutex mutex_;
    std::map<std::string, std::int64_t> counts_;
};

// Discards everything; for tests and library users who do not care.
class NullLog final : public Log {
    void write(LogLevel, const std::string&) override {}
};

}  // namespace regkit
