// The fused tail as the tensor cores see it: every layer, the up-convolution too, is a matrix of weights in
// bf16 with a row an output, packed once a call. An up-convolution of width = stride is a dense layer on
// coarse positions whose outputs are (phase, channel): the outputs of a coarse position lie together, phase
// by phase.
//
// Widths (inputs of a layer) are padded with zeroes to 64 or 128, rows to tiles of 64.
#pragma once

#include <type_traits>

#include "kernels/backend.hpp"
#include "kernels/cuda/elements.hpp"
#include "kernels/cuda/scratch.hpp"
#include "kernels/cuda/tensor_core.hpp"

namespace regkit::cuda {

inline constexpr int kMostWidth = 128;
inline constexpr int kTileRows = 64;  // rows of weights that are in shared memory together
inline constexpr int kStep = 16;      // inputs of one product of the tensor cores
inline constexpr int kMostTailLayers = kMaxDense + 1;

__host__ __device__ constexpr int padded_width(int width) {
    return width <= kMostWidth / 2 ? kMostWidth / 2 : kMostWidth;
}

// Plain data, passed to kernels by value.
struct PackedLayer {
    int in, out;
    int width;             // padded inputs
    int out_width;         // padded outputs of a position; of the markers: whole tiles
    int tiles;             // kTileRows rows each
    int first_tile;        // counted from the tail's first
    std::int64_t weights;  // offset in PackedTail::weights: [tiles * kTileRows][width]
    std::int64_t bias;     // offset in PackedTail::bias: [out_width], zeroes where there is none
};

struct PackedTail {
    int stride, depth, markers, tiles;
    bool has_up;
    PackedLayer layer[kMostTailLayers];
    const Bf16* weights;
    const float* bias;

    __host__ __device__ const PackedLayer& last() const { return layer[depth - 1]; }
    // Values from row to row of a matrix [position][channel] in shared memory. The 16 bytes behind a row make
    // the rows of an 8x8 matrix lie in different banks.
    __host__ __device__ int pitch() const { return widest() + kCopied; }
    __host__ __device__ int widest() const {
        int most = 0;
        for (int i = 0; i < depth; ++i) most = layer[i].width > most ? layer[i].width : most;
        return most;
    }
};

// body(steps), the products of kStep inputs that a layer's padded inputs take, as a constant.
#ifdef __CUDACC__
#pragma nv_exec_check_disable  // `body` is of the caller's side
#endif
template <typename Body>
__host__ __device__ void for_width(const PackedLayer& layer, const Body& body) {
    if (layer.width == kMostWidth)
        body(std::integral_constant<int, kMostWidth / kStep>{});
    else
        body(std::integral_constant<int, kMostWidth / 2 / kStep>{});
}

// Whether kernels on tensor cores take this tail: no layer but the last has more than 128 outputs, and the
// stride is below a block's positions.
bool fits_tensor_core_tail(const Tail& tail);

// In memory of `scratch` that holds until its slot is used again.
PackedTail pack_tail(const Tail& tail, Scratch& scratch);

}  // namespace regkit::cuda
