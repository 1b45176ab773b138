// The labels of a marker along a sequence, as data sets have them and losses and metrics read them.
#pragma once

#include <cstdint>

namespace regkit {

// Positions [begin, end), counted in outputs (nucleotides or bins) or in bases, at which `marker` is present,
// or at which its coverage is `value` (>= 0); elsewhere it is absent, or 0.
struct LabelRun {
    std::int32_t marker = 0;
    std::int32_t begin = 0;
    std::int32_t end = 0;
    float value = 1;
};

}  // namespace regkit
