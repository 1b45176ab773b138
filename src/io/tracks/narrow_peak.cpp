// A value that a call does not have is -1, as the format has it.
#include "io/tracks/narrow_peak.hpp"

namespace regkit {

void append_bed_columns(std::string& line, const std::string& marker, const CalledInterval& called) {
    line += marker;
    line += '\t';
    line += std::to_string(called.score);
    line += "\t.";
}

void append_narrow_peak(std::string& line, const std::string& marker, const CalledInterval& called,
                        const Rounding& round) {
    append_bed_columns(line, marker, called);
    line += '\t';
    round.append(line, round.scaled(called.mean));
    line += "\t-1\t";
    if (called.minus_log10_q < 0)
        line += "-1";
    else
        round.append(line, round.scaled(called.minus_log10_q));
    line += '\t';
    line += std::to_string(called.summit);
}

}  // namespace regkit
