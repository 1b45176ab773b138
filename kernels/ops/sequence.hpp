// The first layer: symbols -> embedding (rows of `embedding` [5][dim]) -> convolution. Positions outside the
// window are zero vectors, not the embedding of N.
#pragma once

#include <cstdint>

#include "kernels/ops/conv.hpp"
#include "kernels/tensor.hpp"

namespace regkit {

// Window codes in host memory: [batch][length] of 0 N, 1 A, 2 C, 3 G, 4 T.
struct Codes {
    const std::uint8_t* data = nullptr;
    std::int64_t batch = 0;
    std::int64_t length = 0;
};
inline constexpr int kSymbols = 5;

struct SequenceConv {
    static constexpr const char* kName = "sequence_conv";
    Codes codes;
    Slice embedding;
    Slice weight;     // [out][dim][width]
    Slice bias = {};  // [out]; may be none
    ConvGeometry geometry = {};
    bool relu = false;
    View y;

    void check() const;
};

struct SequenceConvGrad {
    static constexpr const char* kName = "sequence_conv_grad";
    Codes codes;
    View dy;
    Slice embedding;
    Slice weight;
    ConvGeometry geometry = {};
    Slice d_embedding = {};  // none for a one-hot encoding, which is not trained
    Slice d_weight;
    Slice d_bias = {};

    void check() const;
};

// y[s][d][p] = embedding[code][d]: the sequence as a tensor, for layers other than convolutions.
struct Embed {
    static constexpr const char* kName = "embed";
    Codes codes;
    Slice embedding;
    View y;

    void check() const;
};

}  // namespace regkit
