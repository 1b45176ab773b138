// Learning-rate schedules, as functions of the fraction of training that is done.
#pragma once

#include <string>

namespace regkit {

enum class ScheduleKind { constant, cosine, one_cycle };

struct Schedule {
    ScheduleKind kind = ScheduleKind::constant;
    double peak = 1e-3;
    double warmup = 0.05;  // cosine: fraction of training over which the rate rises from 0

    // progress in [0, 1]; beyond 1 counts as 1.
    //   constant   peak
    //   cosine     linear from 0 over `warmup`, then half a cosine down to 0
    //   one_cycle  half a cosine up from peak / 25 over 0.3, then one down to peak / 10,000 (Smith & Topin
    //   2017)
    double rate(double progress) const;
};

ScheduleKind parse_schedule(const std::string& text);  // "constant", "cosine", "one-cycle"; Error(usage)
const char* to_string(ScheduleKind kind);

}  // namespace regkit
