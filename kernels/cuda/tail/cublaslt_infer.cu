// A warp takes 128 positions of a marker from the logits of a chunk: four words of bits, or 512 bytes of
// values.
#include <algorithm>

#include "kernels/base/arithmetic.hpp"
#include "kernels/cuda/tail/cublaslt.hpp"
#include "kernels/cuda/words.hpp"

namespace regkit::cuda::cublaslt {

namespace {

constexpr unsigned kAllLanes = 0xFFFFFFFFu;
constexpr int kSinkThreads = 128;
constexpr int kWarpWords = 4;
constexpr int kBlockWords = kSinkThreads / kWarp * kWarpWords;

struct ChunkLogits {
    const float* logits;
    const float* bias;
    std::int64_t pitch;
    int count, markers;  // count: of positions
};

__device__ void store_word(float logit, bool is_inside, const Sinks& to, int marker, std::int64_t place) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    std::uint32_t bits = __ballot_sync(kAllLanes, is_inside && !(logit < to.least[marker]));
    if (bits != 0) {  // most words have none, and nothing but the comparison is done for them
        bool called = false;
        float value = 0;
        if (bits >> lane & 1u) {
            value = value_of(to.kind, logit);
            called = !(value < to.cutoff[marker]);
        }
        bits = __ballot_sync(kAllLanes, called);
        if (called) to.values[place + lane] = value;
    }
    if (lane == 0) to.bits[place / 32] = bits;
}

__global__ void sink_kernel(ChunkLogits from, OutputPiece piece, ChunkPositions positions,
                            unsigned blocks_a_marker, Sinks to) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const int marker = static_cast<int>(blockIdx.x / blocks_a_marker);
    const int first = 32 * (static_cast<int>(blockIdx.x % blocks_a_marker) * kBlockWords +
                            static_cast<int>(threadIdx.x) / kWarp * kWarpWords);
    const int words = first < from.count ? (from.count - first) / 32 : 0;
    const float* const logits = from.logits + marker * from.pitch + first + lane;
    const float bias = from.bias[marker];
    float logit[kWarpWords];
#pragma unroll
    for (int w = 0; w < kWarpWords; ++w) logit[w] = w < words ? logits[32 * w] + bias : 0.0f;
    Place at = positions.place(static_cast<std::uint32_t>(first), marker);
#pragma unroll
    for (int w = 0; w < kWarpWords; ++w) {
        const std::int64_t place = (at.sample * from.markers + marker) * piece.row() + at.position;
        if (w < words && at.position < piece.row()) {
            if (to.bits)
                store_word(logit[w], at.position + lane < piece.length, to, marker, place);
            else if (to.codes)
                to.codes[place + lane] = code_of(logit[w]);
            else
                to.values[place + lane] = value_of(to.kind, logit[w]);
        }
        at.position += 32;
        if (at.position < positions.row) continue;
        at.position = 0;
        ++at.sample;
    }
}

void run_piece(const Layers& layers, const TailRange& range, const OutputPiece& piece, const Sinks& to,
               Multiplier& multiplier, Scratch& scratch) {
    const std::int64_t stride = layers.tail().stride;
    // As many columns as the padded row of the output has positions, so that all of its bits are written.
    const Columns columns{piece.samples, (piece.row() + stride - 1) / stride};
    Tensor h = range.h;
    h.data += piece.first_sample * h.channels * h.length;
    h.batch = piece.samples;
    const std::int64_t first = range.begin + piece.first / stride;
    const Rows input = padded_rows_of(h, -first, columns.row(), Scratch::kTailInput, scratch);
    Chunk chunk(layers, false, multiplier, scratch);
    for (std::int64_t begin = 0; begin < columns.count(); begin += layers.columns()) {
        chunk.begin(input.data + begin * input.channels, std::min(layers.columns(), columns.count() - begin));
        for (int k = 0; k < layers.depth(); ++k) chunk.forward(k);
        const ChunkLogits logits{chunk.logits(), layers.last_bias(), layers.pitch(),
                                 static_cast<int>(chunk.count() * stride), layers.tail().markers()};
        const unsigned blocks = blocks_for(logits.count, 32 * kBlockWords);
        launch(sink_kernel, dim3(blocks * static_cast<unsigned>(logits.markers)), dim3(kSinkThreads), logits,
               piece, ChunkPositions(columns, begin, layers.tail().stride), blocks, to);
    }
}

}  // namespace

Tails::Tails(std::unique_ptr<Engine> engine, const std::string& why, Scratch& scratch) : scratch_(scratch) {
    if (engine)
        multiplier_ = std::make_unique<Multiplier>(std::move(engine), scratch);
    else
        notices_.push_back("cuBLASLt is not used (" + why + "); regkit's own kernels compute the tail");
}

std::vector<std::string> Tails::take_notices() {
    return std::exchange(notices_, {});
}

// One product that is missing is reason enough to leave all of them to other kernels: results would not be
// those of either.
bool Tails::does(const Tail& tail, const std::vector<Product>& products) {
    for (const Product& product : products) {
        if (multiplier_->does(product)) continue;
        if (!has_refused_)
            notices_.push_back(multiplier_->version_name() + " is not used for a tail of " +
                               std::to_string(tail.markers()) + " markers: it has no product of " +
                               std::to_string(product.rows) + " x " + std::to_string(product.depth) + " x " +
                               std::to_string(product.columns) + "; regkit's own kernels compute it");
        has_refused_ = true;
        return false;
    }
    return true;
}

// Follows from the tail's shape alone, so that a position's sums do not depend on how many there are.
std::int64_t Tails::columns_of_inference(const Tail& tail) const {
    return Shapes::most_columns(tail, false, chunk_bytes_);
}

bool Tails::fits(const Tail& tail) {
    if (!multiplier_ || !cublaslt::fits(tail)) return false;
    const Shapes shapes(tail, columns_of_inference(tail));
    std::vector<Product> products;
    for (int k = 0; k < shapes.depth(); ++k) products.push_back(shapes.forward(k, shapes.columns()));
    return does(tail, products);
}

PieceRunner Tails::runner(const Tail& tail, const TailRange& range) {
    const auto layers = std::make_shared<Layers>(tail, columns_of_inference(tail), scratch_);
    return {piece_bytes_, std::int64_t{kOutputTile} * tail.stride,
            [this, layers, &range](const OutputPiece& piece, const Sinks& to) {
                run_piece(*layers, range, piece, to, *multiplier_, scratch_);
            }};
}

// As many chunks as there must be, of about one size.
std::int64_t Tails::columns_of(const TailTraining& training) const {
    const std::int64_t all = Columns{training.h.batch, training.h.length}.count();
    const std::int64_t most = Shapes::most_columns(training.tail, true, chunk_bytes_);
    const std::int64_t chunks = (all + most - 1) / most;
    return round_up((all + chunks - 1) / chunks, kColumnUnit);
}

bool Tails::fits(const TailTraining& training) {
    const Tail& tail = training.tail;
    if (!multiplier_ || !cublaslt::fits(tail)) return false;
    const std::int64_t all = Columns{training.h.batch, training.h.length}.count();
    const std::int64_t columns = columns_of(training);
    const Shapes shapes(tail, columns);
    std::vector<Product> products;
    for (int k = 0; k < shapes.depth(); ++k) {
        products.push_back(shapes.forward(k, columns));
        products.push_back(shapes.to_input(k, columns));
        for (const std::int64_t count : {columns, all - (all - 1) / columns * columns})  // the last, too
            products.push_back(shapes.to_weights(k, count));
    }
    return does(tail, products);
}

void Tails::train(const TailTraining& training) {
    const Layers layers(training.tail, columns_of(training), scratch_);
    train_in_chunks(training, layers, *multiplier_, scratch_);
}

}  // namespace regkit::cuda::cublaslt
