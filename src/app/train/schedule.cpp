// Each schedule is a closed formula of the fraction done, with no state, so that a resumed run has the same
// rates.
#include "app/train/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/base/error.hpp"

namespace regkit {
namespace {

// From `a` at t = 0 to `b` at t = 1 along half a cosine.
double cosine_between(double a, double b, double t) {
    return b + (a - b) * 0.5 * (1 + std::cos(std::numbers::pi * t));
}

}  // namespace

double Schedule::rate(double progress) const {
    const double p = std::clamp(progress, 0.0, 1.0);
    switch (kind) {
        case ScheduleKind::constant:
            return peak;
        case ScheduleKind::cosine:
            if (p < warmup) return peak * p / warmup;
            return warmup < 1 ? cosine_between(peak, 0, (p - warmup) / (1 - warmup)) : peak;
        case ScheduleKind::one_cycle: {
            constexpr double kRise = 0.3;
            if (p < kRise) return cosine_between(peak / 25, peak, p / kRise);
            return cosine_between(peak, peak / 1e4, (p - kRise) / (1 - kRise));
        }
    }
    return peak;
}

ScheduleKind parse_schedule(const std::string& text) {
    for (const auto kind : {ScheduleKind::constant, ScheduleKind::cosine, ScheduleKind::one_cycle})
        if (text == to_string(kind)) return kind;
    throw Error(ErrorKind::usage, "--schedule '" + text + "': not one of constant, cosine, one-cycle");
}

const char* to_string(ScheduleKind kind) {
    switch (kind) {
        case ScheduleKind::constant:
            return "constant";
        case ScheduleKind::cosine:
            return "cosine";
        case ScheduleKind::one_cycle:
            return "one-cycle";
    }
    return "";
}

}  // namespace regkit
