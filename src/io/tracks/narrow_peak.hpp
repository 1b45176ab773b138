// The columns of narrowPeak behind the place, for the formats that have them: BED's name, score and strand,
// and four more.
#pragma once

#include <string>

#include "io/tracks/track_writer.hpp"

namespace regkit {

// "marker<tab>score<tab>."
void append_bed_columns(std::string& line, const std::string& marker, const CalledInterval& called);
// These, signalValue, pValue, qValue and the summit's offset.
void append_narrow_peak(std::string& line, const std::string& marker, const CalledInterval& called,
                        const Rounding& round);

}  // namespace regkit
