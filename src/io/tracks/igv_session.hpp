// Sessions of IGV: one file that opens tracks in their order, with ranges, colours and a place.
#pragma once

#include <span>
#include <string>

#include "io/tracks/shown_track.hpp"

namespace regkit {

// The XML for the file `path`. `genome` is a name that IGV knows or the path of a FASTA file; `locus` as
// chr1:1-1000, or empty. Tracks are named relative to the session, so that a folder of both can be moved;
// intervals of a marker stand under its values.
std::string igv_session(const std::string& path, const std::string& genome, const std::string& locus,
                        std::span<const ShownTrack> tracks);

}  // namespace regkit
