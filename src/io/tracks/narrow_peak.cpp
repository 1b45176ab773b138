// A value that a call does not have is -1, as the format has it.
#include "io/tracks/narrow_peak.hpp"

#include <algorithm>
#include <cmath>

namespace regkit {

void append_bed_columns(std::string& line, const std::string& marker, const CalledInterval& called) {
    line += marker;
    line += '\t';
    line += std::to_string(std::llround(std::min(1000.0, 1000.0 * static_cast<double>(called.max))));
    line += "\t.";
}

void append_narrow_peak(std::string& line, const std::string& marker, const CalledInterval& called,
                        const Rounding& round) {
    append_bed_columns(line, marker, called);
    line += '\t';
    round.append(line, round.scaled(called.mean));
    line += "\t-1\t-1\t";
    line += std::to_string(called.summit);
}

}  // namespace regkit
