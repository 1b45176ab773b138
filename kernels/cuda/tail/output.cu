// Pieces are cut so that a runner's results fit the bytes it allows: whole rows of several samples where they
// do, else parts of one sample's rows. Rows are padded to tiles on the device, so they come down through a
// small staging buffer and are cut to their length on the host. Runs of a sample that took several pieces are
// joined, marker by marker.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "kernels/cuda/tail/called_runs.hpp"
#include "kernels/cuda/tail/output.hpp"

namespace regkit::cuda {

namespace {

// body(piece) for pieces that together are all positions of all samples, in order: whole rows of several
// samples, or parts of one's. A position of a marker takes `bits`.
template <typename Body>
void for_each_piece(const Tail& tail, const TailRange& range, int bits, const PieceRunner& runner,
                    const Body& body) {
    const std::int64_t length = (range.end - range.begin) * tail.stride;
    const std::int64_t most_tiles =
        std::max<std::int64_t>(1, runner.most_bytes * 8 / bits / tail.markers() / kOutputTile);
    const std::int64_t tiles = (length + kOutputTile - 1) / kOutputTile, together = most_tiles / tiles;
    if (together > 0) {
        for (std::int64_t s = 0; s < range.h.batch; s += together)
            body(OutputPiece{s, std::min(together, range.h.batch - s), 0, length});
        return;
    }
    const std::int64_t part = std::max<std::int64_t>(1, most_tiles * kOutputTile / runner.unit) * runner.unit;
    for (std::int64_t s = 0; s < range.h.batch; ++s)
        for (std::int64_t p = 0; p < length; p += part)
            body(OutputPiece{s, 1, p, std::min(part, length - p)});
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

void hand_out_values(const Tail& tail, const TailRange& range, TailOutput kind, float* out, Scratch& scratch,
                     const PieceRunner& runner) {
    const std::int64_t length = (range.end - range.begin) * tail.stride;
    for_each_piece(tail, range, 32, runner, [&](const OutputPiece& piece) {
        const std::int64_t rows = piece.samples * tail.markers();
        float* const values = scratch.get<float>(Scratch::kTailValues, rows * piece.row());
        runner.run(piece, {kind, nullptr, nullptr, values, nullptr, nullptr});
        download_rows(out + piece.first_sample * tail.markers() * length + piece.first, length * 4, values,
                      piece.row() * 4, piece.length * 4, rows, scratch.stream());
    });
}

void hand_out_codes(const Tail& tail, const TailRange& range, std::uint8_t* out, Scratch& scratch,
                    const PieceRunner& runner) {
    const std::int64_t length = (range.end - range.begin) * tail.stride;
    for_each_piece(tail, range, 8, runner, [&](const OutputPiece& piece) {
        const std::int64_t rows = piece.samples * tail.markers();
        auto* const codes = scratch.get<std::uint8_t>(Scratch::kTailValues, rows * piece.row());
        runner.run(piece, {TailOutput::logits, nullptr, nullptr, nullptr, codes, nullptr});
        download_rows(out + piece.first_sample * tail.markers() * length + piece.first, length, codes,
                      piece.row(), piece.length, rows, scratch.stream());
    });
}

void hand_out_runs(const Tail& tail, const TailRange& range, TailOutput kind, std::span<const float> cutoffs,
                   CalledRuns& out, Scratch& scratch, const PieceRunner& runner) {
    const std::int64_t length = (range.end - range.begin) * tail.stride;
    const std::int64_t padded = tail.markers() + kCutoffsAhead;
    std::vector<float> bounds(static_cast<std::size_t>(2 * padded), std::numeric_limits<float>::infinity());
    std::ranges::transform(cutoffs, bounds.begin(), [&](float cutoff) { return least_logit(kind, cutoff); });
    std::ranges::copy(cutoffs, bounds.begin() + padded);
    const float* const least = scratch.upload(Scratch::kTailCutoffs, bounds.data(), 2 * padded);
    std::vector<CalledRuns> parts;  // of one sample, where its rows do not fit one piece
    for_each_piece(tail, range, 33, runner, [&](const OutputPiece& piece) {
        const std::int64_t rows = piece.samples * tail.markers();
        auto* const bits = scratch.get<std::uint32_t>(Scratch::kTailBits, rows * piece.row() / 32);
        float* const values = scratch.get<float>(Scratch::kTailValues, rows * piece.row());
        runner.run(piece, {kind, least, least + padded, values, nullptr, bits});
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
