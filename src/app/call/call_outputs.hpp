// Which tracks a call writes, and whether what else was asked for goes with them.
#pragma once

#include <vector>

#include "app/call/call.hpp"
#include "io/tracks/track_set.hpp"

namespace regkit {

struct CallOutputs {
    std::vector<TrackOutput> tracks;         // at least one
    bool values = false, intervals = false;  // some of them hold these
};

// With those of the hub behind the others. Error(usage) where a name does not tell its format and -O is not
// given, where -O and a name contradict each other, and for options that none of the outputs has a use for.
CallOutputs call_outputs(const CallParameters& parameters);

}  // namespace regkit
