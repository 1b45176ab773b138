// Works out where each layer's tiles lie, one layer behind the other, and fills them with a thread a value:
// rounded to bf16, turned to rows of outputs, and zero beyond the layer's own channels, so that no product
// needs a test for the rim.
#include <algorithm>

#include "kernels/cuda/tail/packed.hpp"
#include "kernels/cuda/tail/tile.hpp"

namespace regkit::cuda {

namespace {

struct PackWeights {
    const float* from;
    int in, out, width, out_width;
    int phases;  // of an up-convolution [in][out][phases]; 0: a dense layer [out][in]
    Bf16* to;
    __device__ void operator()(std::int64_t i) const {
        const std::int64_t row = i / width, k = i % width;
        const std::int64_t o = row % out_width, phase = row / out_width;
        float value = 0;
        if (k < in && o < out) value = phases > 0 ? from[(k * out + o) * phases + phase] : from[o * in + k];
        to[i] = to_bf16(value);
    }
};

struct PackBias {
    const float* from;
    int out;
    float* to;
    __device__ void operator()(std::int64_t o) const { to[o] = from && o < out ? from[o] : 0.0f; }
};

}  // namespace

bool fits_tensor_core_tail(const Tail& tail) {
    bool fits = tail.stride <= kPositions && tail.inputs() <= kMostWidth && tail.up.out <= kMostWidth;
    for (int i = 0; i + 1 < tail.depth; ++i) fits = fits && tail.dense[i].out <= kMostWidth;
    return fits;
}

PackedTail pack_tail(const Tail& tail, Scratch& scratch) {
    PackedTail packed{};
    packed.stride = tail.stride;
    packed.markers = tail.markers();
    packed.has_up = tail.has_up();
    const TailLayer* from[kMostTailLayers];
    std::int64_t weights = 0, bias = 0;
    const auto add = [&](const TailLayer& layer, bool is_up, bool is_last) {
        const int out_width =
            is_last ? (layer.out + kTileRows - 1) / kTileRows * kTileRows : padded_width(layer.out);
        const int tiles = out_width * (is_up ? tail.stride : 1) / kTileRows;
        PackedLayer& to = packed.layer[packed.depth];
        to = {layer.in, layer.out, padded_width(layer.in), out_width, tiles, packed.tiles, weights, bias};
        from[packed.depth++] = &layer;
        packed.tiles += tiles;
        weights += std::int64_t{tiles} * kTileRows * to.width;
        bias += out_width;
    };
    if (tail.has_up()) add(tail.up, true, false);
    for (int i = 0; i < tail.depth; ++i) add(tail.dense[i], false, i + 1 == tail.depth);

    Bf16* const to = scratch.get<Bf16>(Scratch::kPackedWeights, weights);
    float* const to_bias = scratch.get<float>(Scratch::kPackedBias, bias);
    for (int k = 0; k < packed.depth; ++k) {
        const PackedLayer& layer = packed.layer[k];
        const int phases = tail.has_up() && k == 0 ? tail.stride : 0;
        for_each(std::int64_t{layer.tiles} * kTileRows * layer.width,
                 PackWeights{pointer_to(from[k]->weight), layer.in, layer.out, layer.width, layer.out_width,
                             phases, to + layer.weights});
        for_each(layer.out_width, PackBias{pointer_to(from[k]->bias), layer.out, to_bias + layer.bias});
    }
    packed.weights = to;
    packed.bias = to_bias;
    return packed;
}

}  // namespace regkit::cuda
