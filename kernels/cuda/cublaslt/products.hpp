// The tail as cuBLASLt sees it: sizes, and the products of matrices that they make. A matrix has a position a
// column, its channels one after the other, so that the up-convolution of width = stride, whose outputs of a
// coarse position are (phase, channel), gives the columns of its output positions without a shuffle. Logits
// alone have a position a row: those of a marker lie side by side, as bits, labels and called runs want them.
//
// Columns are taken a chunk at a time, so few that all a chunk needs stays in the device's second cache:
// logits of a window are never in memory together.
#pragma once

#include "kernels/backend.hpp"
#include "kernels/cuda/cublaslt/engine.hpp"

namespace regkit::cuda::cublaslt {

inline constexpr int kChannelUnit = 16;  // to which a layer's channels are rounded up
// Coarse positions of a sample, and so of a chunk, are rounded up to it: a word of bits lies in one chunk.
inline constexpr int kColumnUnit = 32;
inline constexpr std::int64_t kMostPositions = 8192;                 // output positions of a chunk
inline constexpr std::int64_t kChunkBytes = std::int64_t{24} << 20;  // of 40 or 50 MB of cache

// A dense layer or, as number 0, the up-convolution.
struct Layer {
    const TailLayer* spec;
    bool is_up;
    int in, out, phases;         // padded channels; phases: of an up-convolution its stride, else 1
    std::int64_t weights, bias;  // where they begin among all layers'

    int outputs() const { return out * phases; }
};

// Whether a chunk can be made of it.
bool fits(const Tail& tail);

class Shapes {
  public:
    static constexpr int kMost = kMaxDense + 1;

    // Of chunks that have at most `columns` columns.
    Shapes(const Tail& tail, std::int64_t columns);
    // Columns of a chunk that takes at most so many bytes; follows from the tail's shape alone.
    static std::int64_t most_columns(const Tail& tail, bool training, std::int64_t most_bytes);

    int depth() const { return depth_; }
    int last() const { return depth_ - 1; }
    const Layer& operator[](int k) const { return layers_[k]; }
    const Tail& tail() const { return tail_; }
    std::int64_t columns() const { return columns_; }
    std::int64_t pitch() const { return columns_ * tail_.stride; }  // logits from marker to marker
    int padded_markers() const { return layers_[last()].out; }
    // Of all layers, bf16.
    std::int64_t weights() const { return weights_; }
    std::int64_t biases() const { return biases_; }

    // Positions of layer k in so many coarse ones: one of an up-convolution has all phases.
    std::int64_t positions(int k, std::int64_t columns) const {
        return layers_[k].is_up ? columns : columns * tail_.stride;
    }

    // Products of a chunk of so many columns. Gradients of the logits are bf16 in the first half of each row
    // of logits.
    Product forward(int k, std::int64_t columns) const;
    Product to_input(int k, std::int64_t columns) const;
    Product to_weights(int k, std::int64_t columns) const;

  private:
    const Tail& tail_;
    std::int64_t columns_;
    Layer layers_[kMost];
    int depth_ = 0;
    std::int64_t weights_ = 0, biases_ = 0;
};

}  // namespace regkit::cuda::cublaslt
