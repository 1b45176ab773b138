// The plan of one tail_train call (sizes, packed weights, memory) and the work on one block of positions.
#pragma once

#include "kernels/backend.hpp"
#include "kernels/cpu/scratch.hpp"
#include "kernels/cpu/tail.hpp"

namespace regkit::cpu {

inline constexpr std::int64_t kDrawn = 128;  // coarse positions of one round of dropout draws

// One hidden or output layer as the plan sees it.
struct LayerPlan {
    int in = 0, out = 0;
    std::int64_t padded_in = 0;  // columns of the gradient's rows
    std::int64_t d_weight = 0;   // offsets in a chunk's sums: [out][padded_in] (up: [stride][out][padded_in])
    std::int64_t d_bias = 0;     // [out]
    DropoutKey key{};
    bool drop = false;
    std::uint32_t sample = 0;          // of dropout: number of the batch's first sample
    std::uint32_t first_position = 0;  // Dropout::first

    float scale() const { return drop ? key.scale : 1.0f; }
};

struct TrainPlan {
    TrainPlan(const Tail& tail, const Rows& h, const Kernels& kernels, Scratch& scratch, int workers);
    void pack(int index) const;

    int stride = 1, depth = 0, markers = 0;
    std::int64_t lanes = 0;  // coarse positions of a block
    int phases = 1;          // phases of a block taken together
    int marker_group = 0;    // markers whose logits exist at a time
    int strip = 0;           // rows of a strip of a transposed matrix
    LayerPlan up, dense[kMaxDense];

    std::int64_t chunk_positions = 0, chunks_a_sample = 0, chunks = 0;
    std::int64_t chunk_size = 0, worker_size = 0;  // floats
    float* chunk_memory = nullptr;
    float* worker_memory = nullptr;
    double* loss = nullptr;  // one a chunk, not scaled

    // Packed weights, in this order: up-convolution by phase; its transpose by group of phases; dense layers
    // and their transposes, the last in groups of markers.
    Packing* packing = nullptr;
    int packing_count = 0;
    int first_up = 0, first_up_back = 0, first_dense[kMaxDense] = {}, first_back[kMaxDense] = {};
    const TileKernels* tile = nullptr;
    bool in_words = false;  // operands of products are words of bf16

    std::int64_t columns() const { return lanes * phases; }
    int phase_groups() const { return (stride + phases - 1) / phases; }
    int marker_groups() const { return (markers + marker_group - 1) / marker_group; }
    std::int64_t bits_size(const LayerPlan& layer) const { return std::int64_t{layer.out} * stride * 16; }

  private:
    void plan_memory(Scratch& scratch, int workers);
    void plan_packing(const Tail& tail, Scratch& scratch);
};

// One worker's arrays. Matrices over columns have rows in fours, which is what the transposition reads.
struct BlockMemory {
    BlockMemory(const TrainPlan& plan, Carve& carve);

    float *input, *input_transposed, *d_input;  // of the block: [channels][lanes], strips of channels
    float* layer[kMaxDense] = {};    // input of dense layer i: of the up-convolution or of dense layer i - 1
    float* d_layer[kMaxDense] = {};  // and its gradient; [rows][columns]
    float *transposed, *logits, *target, *valid;
    // In bf16, words of: the block's input, a layer's input, a gradient, and rows of neighbouring columns.
    float *input_words, *words, *d_words, *adjoined;
    std::uint8_t* up_bits = nullptr;  // survivors of dropout, 128 coarse positions
    std::uint8_t* bits[kMaxDense] = {};
};

// The passes over a block.
class TrainBlock {
  public:
    TrainBlock(const TrainPlan& plan, const Tail& tail, const Kernels& kernels, const Labels& labels,
               const TailLoss& how, float* sums, const BlockMemory& memory);

    // All blocks of coarse positions [begin, end) of a sample, begin a multiple of 128; returns the loss, not
    // scaled.
    double run(const Rows& h, std::int64_t sample, std::int64_t begin, std::int64_t end, bool accumulate,
               const Rows& dh);

  private:
    void draw(std::int64_t sample, std::int64_t group);
    void draw_bits(const LayerPlan& layer, std::int64_t sample, std::int64_t channel, std::int64_t group,
                   std::uint8_t* bits) const;
    void forward(int first_phase, int phases);
    double output_layer(std::int64_t sample, int first_phase, int phases);
    bool mark_targets(std::int64_t sample, int marker, int first_phase, int phases);
    void backward(int first_phase, int phases, bool first_group);
    void add_outer(const LayerPlan& layer, std::int64_t d_weight, const float* dz, int rows,
                   const float* transposed, std::int64_t columns);
    const float* paired(const float* z, std::int64_t stride, int rows, std::int64_t columns,
                        float* words) const;
    const float* adjoined(const float* z, std::int64_t stride, int rows, std::int64_t columns) const;
    void transpose(const float* z, std::int64_t stride, int rows, std::int64_t columns, float* to) const;
    void hidden(float* z, const LayerPlan& layer, const std::uint8_t* bits, int first_phase, int phases);

    const TrainPlan& plan_;
    const Tail& tail_;
    const Kernels& kernels_;
    const Labels& labels_;
    const TailLoss& how_;
    float* sums_;
    BlockMemory at_;
    std::int64_t columns_;  // from row to row

    std::int64_t first_ = 0;        // coarse position of the block
    const float* input_ = nullptr;  // of the block, as products read it
    std::int64_t next_run_ = 0;
};

}  // namespace regkit::cpu
