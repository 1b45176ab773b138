// How a block's tiles of matrices come to shared memory: a ring of places, copied to ahead of their use.
#pragma once

#include "kernels/cuda/tail/packed.hpp"

namespace regkit::cuda {

// Rows of values in shared memory. Eight from a multiple of eight on lie together.
struct PitchedRows {
    Bf16* data;
    int pitch;  // values from row to row
    __device__ Bf16* at(int row, int column) const { return data + row * pitch + column; }
};

inline constexpr int kTileThreads = 128;
inline constexpr int kStages = 3;  // of the ring

// Tiles [first, end) pass through kStages places in shared memory. Source::start(tile, stage) begins the
// copies of one, by all threads of the block.
template <typename Source>
class Ring {
  public:
    __device__ Ring(const Source& source, std::int64_t first, std::int64_t end)
        : source_(source), fetched_(first), end_(end) {
        for (int i = 0; i + 1 < kStages; ++i) fetch();
    }
    // The stage that holds the next tile, until the call after. All threads of the block come here together,
    // and what they wrote to shared memory before is seen by all behind it.
    __device__ int next() {
        wait_copies<kStages - 2>();
        __syncthreads();  // the tile is there for all, and nobody reads the one before it any more
        fetch();
        const int stage = used_;
        used_ = used_ + 1 == kStages ? 0 : used_ + 1;
        return stage;
    }

  private:
    __device__ void fetch() {
        if (fetched_ < end_) source_.start(fetched_++, stage_);
        commit_copies();  // also where there is none: waiting counts groups
        stage_ = stage_ + 1 == kStages ? 0 : stage_ + 1;
    }

    const Source& source_;
    std::int64_t fetched_, end_;
    int stage_ = 0, used_ = 0;
};

// Of bf16 in device memory.
struct RowMatrix {
    const Bf16* data;
    std::int64_t sample;  // values from sample to sample
    int pitch;            // values from row to row
    int columns;          // beyond them are zeroes
};

// A layer's weights, a row an output.
__host__ __device__ inline RowMatrix weights_of(const PackedTail& tail, const PackedLayer& layer) {
    return {tail.weights + layer.weights, 0, layer.width, layer.width};
}

// Begins the copies of `rows` rows from `first` of a sample's matrix, `columns` (64 or 128) from `column`;
// rows from `end` are zeroes.
__device__ inline void copy_rows(const RowMatrix& from, std::int64_t sample, std::int64_t first,
                                 std::int64_t end, int column, int rows, int columns, Bf16* to, int pitch) {
    const Bf16* const base = from.data + sample * from.sample;
    const int shift = columns == kMostWidth ? 4 : 3;  // copies of a row, as a power of two
    for (int i = static_cast<int>(threadIdx.x); i < rows << shift; i += kTileThreads) {
        const int row = i >> shift, offset = (i - (row << shift)) * kCopied;
        const bool inside = first + row < end && column + offset < from.columns;
        copy_async(to + row * pitch + offset,
                   inside ? base + (first + row) * from.pitch + column + offset : from.data, inside);
    }
}

// All layers' tiles of weights, one after the other, in rows PackedTail::pitch apart.
struct WeightTiles {
    const PackedTail& tail;
    Bf16* ring;

    __device__ Bf16* tile(int stage) const { return ring + stage * kTileRows * tail.pitch(); }
    __device__ void start(std::int64_t number, int stage) const {
        int k = 0;
        while (tail.layer[k].first_tile + tail.layer[k].tiles <= number) ++k;
        const PackedLayer& layer = tail.layer[k];
        copy_rows(weights_of(tail, layer), 0, (number - layer.first_tile) * kTileRows,
                  layer.tiles * kTileRows, 0, kTileRows, layer.width, tile(stage), tail.pitch());
    }
};

// Of tiles [0, end).
class WeightStream {
  public:
    __device__ WeightStream(const PackedTail& tail, Bf16* ring, int end)
        : tiles_{tail, ring}, ring_(tiles_, 0, end) {}
    WeightStream(const WeightStream&) = delete;
    // The next tile; as Ring::next.
    __device__ PitchedRows next() { return {tiles_.tile(ring_.next()), tiles_.tail.pitch()}; }

  private:
    WeightTiles tiles_;
    Ring<WeightTiles> ring_;
};

}  // namespace regkit::cuda
