// What a call finds along a reference, before runs of called cells are joined into sites and files of a
// format are written: it becomes tracks at once (track_calls.hpp), or waits in a part file until all shards
// are there (part_file.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "app/call/interval_caller.hpp"
#include "kernels/backend.hpp"

namespace regkit {

struct CallContig {
    std::string name;
    std::int64_t length = -1;  // -1: not known yet, a stream tells it at the end
    int declared = -1;         // its number in the reference, if there is one
};

// Everything ascends, and lies on the contig that began last.
class CallEvents {
  public:
    virtual ~CallEvents() = default;

    virtual void begin_contig(const CallContig& contig) = 0;
    // Of every marker a row of `count` values of `span` bases each, from base `begin` on: row m begins at
    // values[m * row]. Not rounded. Where spreads are told, a row of each marker's follows behind all.
    virtual void values(std::int64_t begin, std::int64_t span, std::int64_t count,
                        std::span<const float> values, std::int64_t row) = 0;
    // Called cells, as IntervalCaller::add takes them.
    virtual void called(std::int64_t begin, std::span<const KnownStretch> stretches,
                        const CalledRuns& called) = 0;
    // Nothing contiguous follows.
    virtual void end_region() = 0;
};

}  // namespace regkit
