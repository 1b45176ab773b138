// Where the fused tail's logits go at inference: block by block, out of the cache.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/sinks.hpp"

namespace regkit::cpu {

// Coarse positions and nucleotides of a block: 320 nucleotides, unless the stride needs more.
inline std::int64_t tail_lanes(int stride) {
    return 32 * std::max<std::int64_t>(1, 320 / (32 * stride));
}
inline std::int64_t tail_columns(int stride) {
    return tail_lanes(stride) * stride;
}

// Logits of markers [marker, marker + count) at positions [begin, begin + columns) of a sample, counted from
// the first position asked for. Rows lie `row` floats apart, are readable and writable up to whole vectors,
// and are the sink's to overwrite. `begin` is a multiple of 32, so that no two blocks share a byte of bits.
struct LogitBlock {
    float* logits;
    std::int64_t row;
    std::int64_t sample;
    int marker;
    int count;
    std::int64_t begin;
    std::int64_t columns;
    int worker;  // which of the team calls: only its memory may be shared between blocks
};

class TailSink {
  public:
    virtual ~TailSink() = default;
    virtual void take(const LogitBlock& block) = 0;
};

// One worker's run.
struct CalledPiece {
    CalledRun run;
    int worker;
};

}  // namespace regkit::cpu
