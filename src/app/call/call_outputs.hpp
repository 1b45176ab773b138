// Which tracks a call writes, and whether what else was asked for goes with them.
#pragma once

#include <string>
#include <vector>

#include "app/call/call.hpp"
#include "io/tracks/track_set.hpp"

namespace regkit {

struct CallOutputs {
    std::vector<TrackOutput> tracks;
    bool values = false, intervals = false;  // some of them, or a table, need these
};

// With those of the hub behind the others. Error(usage) where a name does not tell its format and -O is not
// given, where -O and a name contradict each other, and for options that none of the outputs has a use for.
CallOutputs call_outputs(const CallParameters& parameters);
// Where --resume keeps what is done, beside the first output; empty where that is no file.
std::string journal_path(const CallParameters& parameters);

}  // namespace regkit
