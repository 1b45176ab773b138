// The arithmetic that all back ends share when they hand out less than values. A logit becomes an 8-bit code
// by rounding to steps, and a table of 256 values takes codes back. A cutoff becomes a logit, by the inverse
// of sigmoid or softplus with a margin for their rounding: below it the logit alone decides, so that most
// positions never get a sigmoid. Rows above a cutoff are scanned a block at a time, since most
// of the genome is below.
#include "kernels/sinks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace regkit {
namespace {

// Sigmoid and softplus of every back end are within 1e-6 of the truth relative to it, unless they underflow;
// the bound is a float, too.
constexpr double kMargin = 4e-5;
// Below this a back end may have flushed the value to zero.
constexpr double kTiny = 1e-30;

double inverse(TailOutput kind, double value) {
    if (kind == TailOutput::probabilities)
        return value < 1 ? std::log(value) - std::log1p(-value) : std::numeric_limits<double>::infinity();
    return value < 1 ? std::log(std::expm1(value)) : value + std::log1p(-std::exp(-value));
}

// The first position from `p` on whose value is not below the cutoff, or row.size(). Most of the genome is
// below.
std::size_t find_called(std::span<const float> row, std::size_t p, float cutoff) {
    constexpr std::size_t kBlock = 32;  // without a branch, so that the loop becomes vectors
    for (; p + kBlock <= row.size(); p += kBlock) {
        unsigned any = 0;
        for (std::size_t i = 0; i < kBlock; ++i) any |= row[p + i] < cutoff ? 0u : 1u;
        if (any != 0) break;
    }
    while (p < row.size() && row[p] < cutoff) ++p;
    return p;
}

}  // namespace

std::uint8_t logit_code(float logit) {
    if (std::isnan(logit)) return 0;
    constexpr float limit = kLogitCodeLimit;
    const float steps = std::clamp(logit * kLogitCodesPerUnit, -limit, limit);
    return static_cast<std::uint8_t>(kLogitCodeZero + static_cast<int>(std::lrint(steps)));
}

CodeTable code_table(TailOutput kind) {
    CodeTable table;
    table[0] = std::numeric_limits<float>::quiet_NaN();
    for (int code = 1; code < 256; ++code) {
        const double z = (code - kLogitCodeZero) / static_cast<double>(kLogitCodesPerUnit);
        const double value = kind == TailOutput::probabilities ? 1 / (1 + std::exp(-z))
                             : kind == TailOutput::rates
                                 ? std::max(z, 0.0) + std::log1p(std::exp(-std::fabs(z)))
                                 : z;
        table[static_cast<std::size_t>(code)] = static_cast<float>(value);
    }
    return table;
}

float least_logit(TailOutput kind, float cutoff) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    if (kind == TailOutput::logits) return cutoff;
    const double c = cutoff;
    if (c < kTiny) return -infinity;
    return std::nextafter(static_cast<float>(inverse(kind, c * (1 - kMargin))), -infinity);
}

void CalledRuns::clear() {
    runs.clear();
    values.clear();
}

std::span<const float> CalledRuns::values_of(const CalledRun& run) const {
    return std::span(values).subspan(static_cast<std::size_t>(run.first),
                                     static_cast<std::size_t>(run.end - run.begin));
}

void CalledRuns::append(std::int32_t sample, std::int32_t marker, std::int32_t begin,
                        std::span<const float> called) {
    const std::int32_t end = begin + static_cast<std::int32_t>(called.size());
    if (!runs.empty() && runs.back().sample == sample && runs.back().marker == marker &&
        runs.back().end == begin)
        runs.back().end = end;
    else
        runs.push_back({sample, marker, begin, end, static_cast<std::int64_t>(values.size())});
    values.insert(values.end(), called.begin(), called.end());
}

void CalledRuns::append_row(std::int32_t sample, std::int32_t marker, std::span<const float> row,
                            float cutoff) {
    for (std::size_t p = find_called(row, 0, cutoff); p < row.size(); p = find_called(row, p, cutoff)) {
        const std::size_t first = p;
        while (p < row.size() && !(row[p] < cutoff)) ++p;
        append(sample, marker, static_cast<std::int32_t>(first), row.subspan(first, p - first));
    }
}

}  // namespace regkit
