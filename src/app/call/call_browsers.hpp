// What a call writes beside its tracks for browsers to open them by: a UCSC hub, a session of IGV.
#pragma once

#include <string>
#include <vector>

#include "app/call/call_outputs.hpp"
#include "base/marker.hpp"
#include "io/files/output_set.hpp"

namespace regkit {

// The tracks of the hub: values and intervals, a file a marker each.
std::vector<TrackOutput> hub_tracks(const CallParameters& parameters);
// The names of the files that are no tracks.
std::vector<std::string> browser_files(const CallParameters& parameters);
// Error(usage) where something is missing for what is asked for: a genome, or tracks.
void check_browsers(const CallParameters& parameters, const CallOutputs& outputs);

// Writes these files once the tracks are finished. `markers` are those of the tracks, `header` is theirs;
// `coverage`: values may be above 1.
void add_browser_files(const CallParameters& parameters, const CallOutputs& outputs,
                       const std::vector<Marker>& markers, bool coverage, const TrackSet& tracks,
                       const std::vector<std::string>& header, OutputSet& files);

}  // namespace regkit
