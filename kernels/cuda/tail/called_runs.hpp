// From bits and values on the device to called runs in host memory.
#pragma once

#include <vector>

#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

// Rows (sample, marker), one after the other, of `length` positions, a multiple of 32; device memory.
struct BitRows {
    const std::uint32_t* bits;  // position p in bit p % 32 of word p / 32
    const float* values;        // where the bit is set; undefined elsewhere
    std::int64_t rows, length;
    int markers;
    std::int32_t first_sample, first_position;  // what the runs count from
};

// Adds the runs of the rows to `out`, behind those it holds.
void collect_runs(const BitRows& called, CalledRuns& out, Scratch& scratch);

// Adds the runs of one sample, whose rows came in parts, in the order of (marker, begin).
void append_by_marker(const std::vector<CalledRuns>& parts, CalledRuns& out);

}  // namespace regkit::cuda
