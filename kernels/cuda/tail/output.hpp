// How values, codes and called runs of the tail leave the device, whichever kernels compute them: in
// pieces, each of which a PieceRunner writes to device memory; then it is copied, or made into runs, and
// handed over.
#pragma once

#include <functional>
#include <span>

#include "kernels/backend.hpp"
#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

inline constexpr std::int64_t kPieceBytes = std::int64_t{1} << 28;
inline constexpr int kOutputTile = 128;  // rows of a piece are padded to it
inline constexpr int kCutoffsAhead = 64;

// Coarse positions [begin, end) of every sample of h.
struct TailRange {
    Tensor h;
    std::int64_t begin, end;
};

// Output positions [first, first + length) of samples [first_sample, first_sample + samples), counted from
// the first position asked for.
struct OutputPiece {
    std::int64_t first_sample, samples, first, length;

    __host__ __device__ std::int64_t tiles() const {  // of a row
        return (length + kOutputTile - 1) / kOutputTile;
    }
    __host__ __device__ std::int64_t row() const { return tiles() * kOutputTile; }  // positions, padded
};

// What is written of a piece; null where it is not wanted. Rows (sample, marker) are OutputPiece::row long.
struct Sinks {
    TailOutput kind;
    // Of each marker, with bits; read-only while a kernel runs. Behind the last follow kCutoffsAhead that are
    // infinite, for kernels that take markers many at a time.
    const float* least;  // least_logit of the cutoff
    const float* cutoff;
    float* values;  // at every position or, with bits, at those that are called
    std::uint8_t* codes;
    std::uint32_t* bits;  // position p in bit p % 32 of word p / 32; none behind the piece's length
};

__device__ inline float value_of(TailOutput kind, float logit) {
    if (kind == TailOutput::logits) return logit;
    return kind == TailOutput::rates ? softplus_of(logit) : sigmoid_of(logit);
}

// logit_code of kernels/sinks.hpp.
__device__ inline std::uint8_t code_of(float logit) {
    constexpr float limit = kLogitCodeLimit;
    if (!(logit == logit)) return 0;
    const float steps = fminf(fmaxf(logit * kLogitCodesPerUnit, -limit), limit);
    return static_cast<std::uint8_t>(kLogitCodeZero + static_cast<int>(rintf(steps)));
}

// Writes a piece. Pieces hold at most `most_bytes` of device memory, and where a sample has several, each
// begins at a multiple of `unit` positions (itself one of kOutputTile).
struct PieceRunner {
    std::int64_t most_bytes, unit;
    std::function<void(const OutputPiece&, const Sinks&)> run;
};

// As TailInfer, TailCodes and TailRuns say. All throw Failure.
void hand_out_values(const Tail& tail, const TailRange& range, TailOutput kind, float* out, Scratch& scratch,
                     const PieceRunner& runner);
void hand_out_codes(const Tail& tail, const TailRange& range, std::uint8_t* out, Scratch& scratch,
                    const PieceRunner& runner);
void hand_out_runs(const Tail& tail, const TailRange& range, TailOutput kind, std::span<const float> cutoffs,
                   CalledRuns& out, Scratch& scratch, const PieceRunner& runner);

}  // namespace regkit::cuda
