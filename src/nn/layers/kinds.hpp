// The kinds of layers there are. A new one: its class in a file of its own, its function and row here, its
// LayerType in nn/spec.hpp.
#pragma once

#include <array>

#include "kernels/base/nth.hpp"
#include "nn/layers/layer.hpp"

namespace regkit {

// sequence.cpp
const Layer& embedding_layer();
const Layer& one_hot_layer();
// conv.cpp, up_conv.cpp, dense.cpp, pool.cpp, lstm.cpp
const Layer& conv_layer();
const Layer& up_conv_layer();
const Layer& dense_layer();
const Layer& pool_layer();
const Layer& lstm_layer();
// join.cpp
const Layer& add_layer();
const Layer& concat_layer();

struct LayerRow {
    LayerType type;
    const Layer& (*layer)();
};
// In the order of LayerType, and of messages that list them.
inline constexpr std::array kLayers{
    LayerRow{LayerType::embedding, embedding_layer}, LayerRow{LayerType::one_hot, one_hot_layer},
    LayerRow{LayerType::conv, conv_layer},           LayerRow{LayerType::up_conv, up_conv_layer},
    LayerRow{LayerType::dense, dense_layer},         LayerRow{LayerType::pool, pool_layer},
    LayerRow{LayerType::lstm, lstm_layer},           LayerRow{LayerType::add, add_layer},
    LayerRow{LayerType::concat, concat_layer},
};
static_assert([] {
    for (std::size_t i = 0; i < kLayers.size(); ++i)
        if (kLayers[i].type != static_cast<LayerType>(i)) return false;
    return true;
}());

inline const Layer& kind_of(LayerType type) {
    return nth(kLayers, type).layer();
}
inline const Layer& kind_of(const LayerSpec& layer) {
    return kind_of(layer.type);
}

}  // namespace regkit
