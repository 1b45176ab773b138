// The files that a call writes: tracks, the table of --over, what browsers open them by. They appear
// together.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/call/call.hpp"
#include "app/call/call_outputs.hpp"
#include "app/call/region_table.hpp"
#include "app/call/track_calls.hpp"
#include "base/marker.hpp"
#include "io/tracks/track_set.hpp"

namespace regkit {

// What a file's header says: the tool, where predictions come from, how sites are called; nothing with
// --no-version.
std::vector<std::string> call_header(const CallParameters& parameters,
                                     const std::vector<std::string>& provenance, const CallPlan& plan);

// What a track of a marker's spread is called, as a marker of its own.
Marker spread_of(const Marker& marker);

class CallFiles {
  public:
    // What the files are of.
    struct Content {
        const std::vector<Marker>& markers;
        bool coverage = false;
        std::vector<std::string> header;   // of each file
        std::int64_t cell = 1, width = 1;  // bases an output of the model, bases a value
        bool contigs_first = true;         // the reference's contigs are known before the data
        NamedRegions over;                 // of --over
    };
    // Opens them. Error(usage) where two would be one, or one of `inputs`. What is passed by reference must
    // outlive it.
    CallFiles(const CallParameters& parameters, const CallOutputs& outputs, const CallPlan& plan,
              Content content, const std::vector<std::string>& inputs, ThreadPool& pool);

    TrackSet& tracks() { return *tracks_; }
    TrackCalls& calls() { return *calls_; }
    RegionTable* table() { return table_.get(); }  // null without --over
    // All is told: writes what is left, and the files appear.
    void commit(Log& log);

  private:
    const CallParameters& p_;
    const CallOutputs& outputs_;
    Content content_;
    std::unique_ptr<TrackSet> tracks_;
    std::unique_ptr<RegionTable> table_;
    std::unique_ptr<TrackCalls> calls_;
};

}  // namespace regkit
