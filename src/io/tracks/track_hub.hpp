// Track hubs of the UCSC browser and those that read them: one text file that describes tracks beside it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "io/tracks/shown_track.hpp"

namespace regkit {

struct HubHead {
    std::string genome;                 // as UCSC names it: hg19
    std::string source;                 // what the values are of, in the label
    std::vector<std::string> comments;  // one line each
};

// The text of hub.txt: a composite track with a matrix of classes and cells, and of each marker its values
// and, under them, its intervals. Every track has a marker, and its path is relative to the hub. Some markers
// of each class are on at first.
std::string track_hub(const HubHead& head, std::span<const ShownTrack> tracks);

}  // namespace regkit
