// The tail's weights, and the matrices of a chunk of its columns, in device memory.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kernels/cuda/cublaslt/products.hpp"
#include "kernels/cuda/rows.hpp"

namespace regkit::cuda::cublaslt {

class Layers : public Shapes {
  public:
    // Packs the weights, in memory of `scratch` that holds until its slots are used again.
    Layers(const Tail& tail, std::int64_t columns, Scratch& scratch);

    const Bf16* weights(int k) const { return weights_ + (*this)[k].weights; }
    const Bf16* bias(int k) const { return bias_ + (*this)[k].bias; }  // of a hidden layer
    const float* last_bias() const { return last_bias_; }

  private:
    Bf16* weights_ = nullptr;
    Bf16* bias_ = nullptr;
    float* last_bias_ = nullptr;
};

// Products and the plans that they have.
class Multiplier {
  public:
    Multiplier(std::unique_ptr<Engine> engine, Scratch& scratch)
        : engine_(std::move(engine)), scratch_(scratch) {}

    std::string version_name() const { return engine_->version_name(); }
    // Whether the library does it.
    bool does(const Product& product) { return plan(product) != nullptr; }
    // A product of which that is so, of `positions`; workspace and stream are its own. Throws Failure.
    void multiply(const Product& product, std::int64_t positions, Operands operands);

  private:
    struct Known {
        Product product;
        std::unique_ptr<Plan> plan;
    };
    Plan* plan(const Product& product);

    std::unique_ptr<Engine> engine_;
    Scratch& scratch_;
    std::vector<Known> known_;
};

// The matrices of a chunk.
class Chunk {
  public:
    Chunk(const Layers& layers, bool training, Multiplier& multiplier, Scratch& scratch);

    // From now on it has these columns: layer 0's inputs, and how many. The chunk before is gone.
    void begin(const Bf16* inputs, std::int64_t count) {
        inputs_[0] = inputs;
        count_ = count;
    }
    std::int64_t count() const { return count_; }
    std::int64_t positions(int k) const { return layers_.positions(k, count_); }
    // Outputs of layer k, or the logits without the last layer's bias.
    void forward(int k);

    const Bf16* inputs(int k) const { return inputs_[k]; }
    Bf16* outputs(int k) const { return outputs_[k]; }      // of a hidden layer
    Bf16* gradients(int k) const { return gradients_[k]; }  // of a layer's outputs
    float* logits() const { return logits_; }
    float* input_gradients() const { return input_gradients_; }  // of layer 0

  private:
    const Layers& layers_;
    Multiplier& multiplier_;
    std::int64_t count_ = 0;
    const Bf16* inputs_[Shapes::kMost] = {};
    Bf16* outputs_[Shapes::kMost] = {};
    Bf16* gradients_[Shapes::kMost] = {};
    float* logits_ = nullptr;
    float* input_gradients_ = nullptr;
};

// The columns of samples: each sample's `length` coarse positions, padded to a multiple of kColumnUnit.
struct Columns {
    std::int64_t samples, length;

    __host__ __device__ std::int64_t row() const {
        return (length + kColumnUnit - 1) / kColumnUnit * kColumnUnit;
    }
    std::int64_t count() const { return samples * row(); }
};

// The output positions of a chunk. Its kernels have a thread for some logits, and so few instructions for
// each that 64-bit divisions would be most of them.
struct ChunkPositions {
    std::int64_t first_sample;
    std::uint32_t first;        // of the chunk, in that sample
    std::uint32_t row, length;  // of a sample, padded as its columns; its own

    ChunkPositions(const Columns& columns, std::int64_t first_column, int stride)
        : first_sample(first_column / columns.row()),
          first(static_cast<std::uint32_t>(first_column % columns.row() * stride)),
          row(static_cast<std::uint32_t>(columns.row() * stride)),
          length(static_cast<std::uint32_t>(columns.length * stride)) {}

    __device__ Place place(std::uint32_t in_chunk, std::int64_t channel) const {
        return {first_sample + (first + in_chunk) / row, channel, (first + in_chunk) % row};
    }
};

}  // namespace regkit::cuda::cublaslt
