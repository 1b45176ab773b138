// How far a long piece of work is: what the library tells while it works, and whoever called it may show.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>

namespace regkit {

struct WorkDone {
    static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

    const char* unit = "bases";  // what is counted: "bases", "records", "steps", "parts"; outlives the call
    std::int64_t done = 0;
    std::int64_t total = 0;                 // 0: not known, as of a pipe
    std::int64_t files = 0, all_files = 0;  // input files that are part of the work too; of how many
    // Of the work that is done, 0 to 1, where `done` of `total` does not tell it.
    double share = kUnknown;
    // Where the speed and the time left do not follow from what was done since the first call.
    double per_second = kUnknown, seconds_left = kUnknown;
    bool complete = false;  // results follow, maybe on the same terminal
};

// Called often, with what is done so far: first before the work begins, last when it is complete; by one
// thread at a time.
using TellWork = std::function<void(const WorkDone&)>;
inline void tell_nobody(const WorkDone&) {}

}  // namespace regkit
