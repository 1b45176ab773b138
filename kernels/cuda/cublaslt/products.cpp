// From the layers of a tail to sizes and products: channels are padded, weights and biases of all layers get
// their places one after the other, and each layer gets the three products of its outputs, of the gradient of
// its inputs and of that of its weights. Nothing here touches a device, so all of it can be tested without
// one.
#include "kernels/cuda/cublaslt/products.hpp"

#include <algorithm>

#include "kernels/base/arithmetic.hpp"

namespace regkit::cuda::cublaslt {

namespace {

int padded(int channels) {
    return static_cast<int>(round_up(channels, kChannelUnit));
}

}  // namespace

bool fits(const Tail& tail) {
    return kColumnUnit * std::int64_t{tail.stride} <= kMostPositions;
}

std::int64_t Shapes::most_columns(const Tail& tail, bool training, std::int64_t most_bytes) {
    const std::int64_t copies = training ? 2 : 1;  // values, and gradients of them
    std::int64_t bytes = std::int64_t{padded(tail.markers())} * 4 + padded(tail.up.out) * 2 * copies;
    for (int i = 0; i + 1 < tail.depth; ++i) bytes += padded(tail.dense[i].out) * 2 * copies;
    const std::int64_t positions = std::min(kMostPositions, most_bytes / bytes);
    return std::max<std::int64_t>(1, positions / tail.stride / kColumnUnit) * kColumnUnit;
}

Shapes::Shapes(const Tail& tail, std::int64_t columns) : tail_(tail), columns_(columns) {
    const auto add = [&](const TailLayer& spec, bool is_up) {
        const Layer& layer = layers_[depth_++] = {
            &spec, is_up, padded(spec.in), padded(spec.out), is_up ? tail.stride : 1, weights_, biases_};
        weights_ += std::int64_t{layer.outputs()} * layer.in;  // a multiple of kAlignment bytes
        biases_ += round_up(layer.outputs(), kAlignment / 2);
    };
    if (tail.has_up()) add(tail.up, true);
    for (int i = 0; i < tail.depth; ++i) add(tail.dense[i], false);
}

Product Shapes::forward(int k, std::int64_t columns) const {
    const Layer& layer = layers_[k];
    const std::int64_t count = positions(k, columns);
    if (k == last())
        return {count,    layer.out, layer.in, Positions::rows, true, false, layer.in,
                layer.in, pitch(),   true,     Epilogue::none};
    return {layer.outputs(), count,           layer.in, Positions::columns, true, false, layer.in,
            layer.in,        layer.outputs(), false,    Epilogue::bias_relu};
}

Product Shapes::to_input(int k, std::int64_t columns) const {
    const Layer& layer = layers_[k];
    const bool of_logits = k == last();
    return {layer.in,        positions(k, columns),
            layer.outputs(), Positions::columns,
            false,           of_logits,
            layer.in,        of_logits ? 2 * pitch() : layer.outputs(),
            layer.in,        k == 0,
            Epilogue::none};
}

Product Shapes::to_weights(int k, std::int64_t columns) const {
    const Layer& layer = layers_[k];
    const bool of_logits = k == last();
    return {layer.in,
            layer.outputs(),
            positions(k, columns),
            Positions::depth,
            false,
            !of_logits,
            layer.in,
            of_logits ? 2 * pitch() : layer.outputs(),
            layer.in,
            true,
            of_logits ? Epilogue::none : Epilogue::bias_gradient};
}

}  // namespace regkit::cuda::cublaslt
