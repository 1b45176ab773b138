// The tail's layers on the device, a piece of the batch at a time, by the plain kernels of its layers.
#pragma once

#include "kernels/backend.hpp"
#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"

namespace regkit::cuda {

// Coarse positions [begin, end) of samples [first_sample, first_sample + samples).
struct Piece {
    std::int64_t first_sample, samples;
    std::int64_t begin, end;

    std::int64_t positions() const { return end - begin; }
};

class TailLayers {
  public:
    // `gradient` is null in inference; with it dropout is on. Its memory comes from `scratch` and holds until
    // the slot kActivations is used again.
    TailLayers(const Tail& tail, const TailGradient* gradient, Scratch& scratch);

    // body(piece) for pieces that together are positions [begin, end) of all samples, in order: whole
    // samples, or a part of one. They follow from the shapes alone.
    template <typename Body>
    void for_each_piece(std::int64_t batch, std::int64_t begin, std::int64_t end, Body body) const {
        const std::int64_t together = most_positions_ / (end - begin);
        if (together > 0)
            for (std::int64_t s = 0; s < batch; s += together)
                body(Piece{s, s + together < batch ? together : batch - s, begin, end});
        else
            for (std::int64_t s = 0; s < batch; ++s)
                for (std::int64_t p = begin; p < end; p += most_positions_)
                    body(Piece{s, 1, p, p + most_positions_ < end ? p + most_positions_ : end});
    }
    // Coarse positions of the largest piece.
    std::int64_t most_positions() const { return most_positions_; }

    // From the piece of h to its logits (samples, markers, positions * stride), in this object's memory.
    Tensor forward(const Tensor& h, const Piece& piece);
    // Where the logits lay lies their gradient now: adds to the parameters' gradients and writes (or adds)
    // that of h.
    void backward(const Tensor& dh, const Piece& piece, bool accumulate);

  private:
    static constexpr int kMostLayers = kMaxDense + 1;

    // A dense layer or, as number 0, the up-convolution.
    struct Layer {
        const TailLayer* spec;
        Slice d_weight, d_bias;
        bool is_up;
    };

    void add_layer(const TailLayer& spec, const Slice& d_weight, const Slice& d_bias, bool is_up);
    Tensor level(float* memory, int number, const Piece& piece) const;
    Dropout dropout_of(const Layer& layer) const { return training_ ? layer.spec->dropout : Dropout{}; }

    int stride_;
    bool training_;
    Layer layers_[kMostLayers];
    int depth_ = 0;
    std::int64_t most_positions_ = 1;
    // Of level k: the input of layer k; the last are the logits.
    float* values_[kMostLayers + 1] = {};
    float* gradients_[kMostLayers + 1] = {};
};

}  // namespace regkit::cuda
