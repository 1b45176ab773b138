// A block takes a tile of 128 output positions of one sample through all layers; weights stream past it. The
// last layer is computed as markers x positions, 64 markers at a time, with the positions of a warp as the
// products' right operand, in registers for all of them: a thread then holds eight markers of eight
// positions, and 32 positions of a marker, a word of bits, lie in four neighbouring lanes.
#include <algorithm>
#include <cstddef>
#include <vector>

#include "kernels/cuda/fast/called_runs.hpp"
#include "kernels/cuda/fast/tail_infer.hpp"
#include "kernels/cuda/fast/tail_tile.hpp"

namespace regkit::cuda {

namespace {

constexpr unsigned kAllLanes = 0xFFFFFFFFu;

// Output positions [first, first + length) of samples [first_sample, first_sample + samples), counted from
// the first position asked for.
struct OutputPiece {
    std::int64_t first_sample, samples, first, length;

    std::int64_t tiles() const { return (length + kPositions - 1) / kPositions; }  // of a row
    std::int64_t row() const { return tiles() * kPositions; }                      // positions, padded
};

// What is written of a piece; null where it is not wanted. Rows (sample, marker) are whole tiles long.
struct Sinks {
    TailOutput kind;
    LogitBand band;  // of the cutoff
    float cutoff;
    float* values;  // at every position or, with bits, at those that are called
    std::uint8_t* codes;
    std::uint32_t* bits;  // position p in bit p % 32 of word p / 32
};

__device__ float value_of(TailOutput kind, float logit) {
    if (kind == TailOutput::logits) return logit;
    return kind == TailOutput::rates ? softplus_of(logit) : sigmoid_of(logit);
}

// logit_code of kernels/sinks.hpp.
__device__ std::uint8_t code_of(float logit) {
    constexpr float limit = kLogitCodeLimit;
    if (!(logit == logit)) return 0;
    const float steps = fminf(fmaxf(logit * kLogitCodesPerUnit, -limit), limit);
    return static_cast<std::uint8_t>(kLogitCodeZero + static_cast<int>(rintf(steps)));
}

// Where a warp's logits go: `row` is the sample's first marker of the tile of weights, `position` the warp's
// first in the piece's row.
struct Target {
    std::int64_t row, position, row_length;
    int markers;          // from the tile's first to the last of all
    std::uint32_t valid;  // of the warp's positions, those inside the row

    __device__ std::int64_t at(int marker) const { return (row + marker) * row_length + position; }
};

// A warp's 16 markers of 32 positions, so that a lane can take a position of each.
constexpr int kStagedPitch = kWarpPositions + 8;  // keeps the writes of a half warp in different banks
constexpr std::size_t kStagedBytes = kTileThreads / kWarp * kStep * kStagedPitch * sizeof(float);

__device__ void stage(const Logits& logits, int t, float* staged) {
    const int lane = lane_id();
    __syncwarp();  // all have read what it held
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int n = 0; n < kWarpPositions / 8; ++n) {
            float* const to = staged + (half * 8 + lane / 4) * kStagedPitch + n * 8 + lane % 4 * 2;
            to[0] = logits.value[t][n][2 * half];
            to[1] = logits.value[t][n][2 * half + 1];
        }
    __syncwarp();
}

__device__ void store_each(const Logits& logits, const Sinks& to, const Target& target, float* staged) {
#pragma unroll
    for (int t = 0; t < kTileRows / kStep; ++t) {
        stage(logits, t, staged);
        const int rows = target.markers - t * kStep < kStep ? target.markers - t * kStep : kStep;
#pragma unroll 1
        for (int r = 0; r < rows; ++r) {
            const std::int64_t place = target.at(t * kStep + r) + lane_id();
            const float logit = staged[r * kStagedPitch + lane_id()];
            if (to.codes)
                to.codes[place] = code_of(logit);
            else
                to.values[place] = value_of(to.kind, logit);
        }
    }
}

// The bits of a row of markers at a lane's eight positions whose logits are not below the band, in their
// places of the word of 32.
__device__ std::uint32_t lane_candidates(const Logits& logits, int t, int half, float low) {
    std::uint32_t bits = 0;
#pragma unroll
    for (int n = 0; n < kWarpPositions / 8; ++n)
#pragma unroll
        for (int e = 0; e < 2; ++e)
            if (!(logits.value[t][n][2 * half + e] < low)) bits |= 1u << (n * 8 + e);
    return bits << lane_id() % 4 * 2;
}

// Of 16 markers of which at least one may be called: their values decide.
__device__ void store_called(const Logits& logits, int t, const std::uint32_t (&candidates)[2],
                             const Sinks& to, const Target& target, float* staged) {
    stage(logits, t, staged);
    const int lane = lane_id();
#pragma unroll 1
    for (int r = 0; r < kStep; ++r) {
        const std::uint32_t word = __shfl_sync(kAllLanes, r < 8 ? candidates[0] : candidates[1], r % 8 * 4);
        bool called = false;
        float value = 0;
        if (word >> lane & 1u) {
            value = value_of(to.kind, staged[r * kStagedPitch + lane]);
            called = !(value < to.cutoff);
        }
        const std::uint32_t bits = __ballot_sync(kAllLanes, called);
        const int marker = t * kStep + r;
        if (marker >= target.markers) continue;
        if (lane == 0) to.bits[target.at(marker) / 32] = bits;
        if (called && to.values) to.values[target.at(marker) + lane] = value;
    }
}

// Most rows of most markers are below the band as a whole, and nothing but a comparison is done for them.
__device__ void store_bits(const Logits& logits, const Sinks& to, const Target& target, float* staged) {
    const int lane = lane_id();
#pragma unroll
    for (int t = 0; t < kTileRows / kStep; ++t) {
        std::uint32_t word[2];  // of rows lane / 4 and lane / 4 + 8
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            word[half] = lane_candidates(logits, t, half, to.band.low) & target.valid;
            word[half] |= __shfl_xor_sync(kAllLanes, word[half], 1);
            word[half] |= __shfl_xor_sync(kAllLanes, word[half], 2);
        }
        if (__ballot_sync(kAllLanes, (word[0] | word[1]) != 0) != 0) {
            store_called(logits, t, word, to, target, staged);
        } else if (lane < kStep) {
            const int marker = t * kStep + lane;
            if (marker < target.markers) to.bits[target.at(marker) / 32] = 0;
        }
    }
}

// A block a tile. kSteps: of the last layer's inputs.
template <int kSteps>
__global__ void __launch_bounds__(kTileThreads, 2)
    tail_infer_kernel(PackedTail tail, Tensor h, OutputPiece piece, std::int64_t begin, unsigned tiles,
                      Sinks to) {
    const TileMemory at(tail, dynamic_shared());
    const std::int64_t sample = blockIdx.x / tiles;
    const std::int64_t first = std::int64_t{blockIdx.x % tiles} * kPositions;  // in the piece's row
    WeightStream stream(tail, at.ring, tail.tiles);
    hidden_layers(tail, h, piece.first_sample + sample, begin * tail.stride + piece.first + first, stream, at,
                  Inference{});
    const PackedLayer& last = tail.last();
    const int own_first = warp_id() * kWarpPositions;
    const std::int64_t position = first + own_first;
    Target target{sample * tail.markers, position, std::int64_t{tiles} * kPositions, tail.markers,
                  first_bits(piece.length - position)};
    float* const staged = reinterpret_cast<float*>(dynamic_shared() + TileMemory::bytes(tail)) +
                          warp_id() * kStep * kStagedPitch;
    OwnRows<kSteps> own;
    for (int tile = 0; tile < last.tiles; ++tile) {
        const Bf16* const weights = stream.next();
        if (tile == 0) own.load(at.activations + own_first * tail.pitch(), tail.pitch());
        Logits logits;
        logits.compute(own, weights, tail.pitch(), tail.bias + last.bias + tile * kTileRows);
        if (to.bits)
            store_bits(logits, to, target, staged);
        else
            store_each(logits, to, target, staged);
        target.row += kTileRows;
        target.markers -= kTileRows;
    }
}

void run_piece(const PackedTail& tail, const TailRange& range, const OutputPiece& piece, const Sinks& to) {
    const auto row_tiles = static_cast<unsigned>(piece.tiles());
    for_width(tail.last(), [&](auto steps) {
        launch_with_shared(tail_infer_kernel<steps()>, dim3(static_cast<unsigned>(piece.samples) * row_tiles),
                           dim3(kTileThreads), TileMemory::bytes(tail) + kStagedBytes, tail, range.h, piece,
                           range.begin, row_tiles, to);
    });
}

// body(piece) for pieces that together are all positions of all samples, in order: whole rows of several
// samples, or parts of one's. A position of a marker takes `bits`.
template <typename Body>
void for_each_output_piece(const Tail& tail, const TailRange& range, int bits, std::int64_t most_bytes,
                           const Body& body) {
    const std::int64_t length = (range.end - range.begin) * tail.stride;
    const std::int64_t most_tiles =
        std::max<std::int64_t>(1, most_bytes * 8 / bits / tail.markers() / kPositions);
    const std::int64_t tiles = (length + kPositions - 1) / kPositions, together = most_tiles / tiles;
    if (together > 0) {
        for (std::int64_t s = 0; s < range.h.batch; s += together)
            body(OutputPiece{s, std::min(together, range.h.batch - s), 0, length});
        return;
    }
    for (std::int64_t s = 0; s < range.h.batch; ++s)
        for (std::int64_t p = 0; p < length; p += most_tiles * kPositions)
            body(OutputPiece{s, 1, p, std::min(most_tiles * kPositions, length - p)});
}

// Rows of a piece, padded to `from_pitch` bytes, to those of the whole: `bytes` of each. They come so many at
// a time that what is padded stays in a processor's cache.
void download_rows(void* out, std::int64_t out_pitch, const void* from, std::int64_t from_pitch,
                   std::int64_t bytes, std::int64_t rows, Stream& stream) {
    constexpr std::int64_t kMostStaged = std::int64_t{1} << 20;
    const std::int64_t together = std::max<std::int64_t>(1, kMostStaged / from_pitch);
    std::vector<std::byte> staged;
    for (std::int64_t first = 0; first < rows; first += together) {
        const std::int64_t count = std::min(together, rows - first);
        staged.resize(static_cast<std::size_t>(count * from_pitch));
        stream.download(staged.data(), static_cast<const std::byte*>(from) + first * from_pitch,
                        staged.size());
        for (std::int64_t row = 0; row < count; ++row)
            std::copy_n(staged.data() + row * from_pitch, bytes,
                        static_cast<std::byte*>(out) + (first + row) * out_pitch);
    }
}

}  // namespace

void fast_tail_values(const Tail& tail, const TailRange& range, TailOutput kind, float* out, Scratch& scratch,
                      std::int64_t most_bytes) {
    const PackedTail packed = pack_tail(tail, scratch);
    const std::int64_t length = (range.end - range.begin) * tail.stride;
    for_each_output_piece(tail, range, 32, most_bytes, [&](const OutputPiece& piece) {
        const std::int64_t rows = piece.samples * tail.markers();
        float* const values = scratch.get<float>(Scratch::kTailValues, rows * piece.row());
        run_piece(packed, range, piece, {kind, {}, 0, values, nullptr, nullptr});
        download_rows(out + piece.first_sample * tail.markers() * length + piece.first, length * 4, values,
                      piece.row() * 4, piece.length * 4, rows, scratch.stream());
    });
}

void fast_tail_codes(const Tail& tail, const TailRange& range, std::uint8_t* out, Scratch& scratch,
                     std::int64_t most_bytes) {
    const PackedTail packed = pack_tail(tail, scratch);
    const std::int64_t length = (range.end - range.begin) * tail.stride;
    for_each_output_piece(tail, range, 8, most_bytes, [&](const OutputPiece& piece) {
        const std::int64_t rows = piece.samples * tail.markers();
        auto* const codes = scratch.get<std::uint8_t>(Scratch::kTailValues, rows * piece.row());
        run_piece(packed, range, piece, {TailOutput::logits, {}, 0, nullptr, codes, nullptr});
        download_rows(out + piece.first_sample * tail.markers() * length + piece.first, length, codes,
                      piece.row(), piece.length, rows, scratch.stream());
    });
}

void fast_tail_bits(const Tail& tail, const TailRange& range, TailOutput kind, float cutoff,
                    std::uint8_t* out, Scratch& scratch, std::int64_t most_bytes) {
    const PackedTail packed = pack_tail(tail, scratch);
    const std::int64_t length = (range.end - range.begin) * tail.stride, row_bytes = (length + 7) / 8;
    for_each_output_piece(tail, range, 1, most_bytes, [&](const OutputPiece& piece) {
        const std::int64_t rows = piece.samples * tail.markers();
        auto* const bits = scratch.get<std::uint32_t>(Scratch::kTailBits, rows * piece.row() / 32);
        run_piece(packed, range, piece, {kind, logit_band(kind, cutoff), cutoff, nullptr, nullptr, bits});
        download_rows(out + piece.first_sample * tail.markers() * row_bytes + piece.first / 8, row_bytes,
                      bits, piece.row() / 8, (piece.length + 7) / 8, rows, scratch.stream());
    });
}

void fast_tail_runs(const Tail& tail, const TailRange& range, TailOutput kind, float cutoff, CalledRuns& out,
                    Scratch& scratch, std::int64_t most_bytes) {
    const PackedTail packed = pack_tail(tail, scratch);
    const std::int64_t length = (range.end - range.begin) * tail.stride;
    std::vector<CalledRuns> parts;  // of one sample, where its rows do not fit one piece
    for_each_output_piece(tail, range, 33, most_bytes, [&](const OutputPiece& piece) {
        const std::int64_t rows = piece.samples * tail.markers();
        auto* const bits = scratch.get<std::uint32_t>(Scratch::kTailBits, rows * piece.row() / 32);
        float* const values = scratch.get<float>(Scratch::kTailValues, rows * piece.row());
        run_piece(packed, range, piece, {kind, logit_band(kind, cutoff), cutoff, values, nullptr, bits});
        const BitRows called{bits,
                             values,
                             rows,
                             piece.row(),
                             tail.markers(),
                             static_cast<std::int32_t>(piece.first_sample),
                             static_cast<std::int32_t>(piece.first)};
        if (piece.length == length) return collect_runs(called, out, scratch);
        parts.emplace_back();
        collect_runs(called, parts.back(), scratch);
        if (piece.first + piece.length < length) return;
        append_by_marker(parts, out);
        parts.clear();
    });
}

}  // namespace regkit::cuda
