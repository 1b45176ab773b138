// The log that tools write: one line a message on standard error, "regcall: warning: ...".
#pragma once

#include <string>

#include "base/log.hpp"

namespace regkit::cli {

class StderrLog final : public Log {
  public:
    // Messages above `verbosity` (LogLevel's scale) are dropped.
    StderrLog(std::string tool, int verbosity) : tool_(std::move(tool)), verbosity_(verbosity) {}

  private:
    void write(LogLevel level, const std::string& text) override;
    std::string tool_;
    int verbosity_;
};

}  // namespace regkit::cli
