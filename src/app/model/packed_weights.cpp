// A row's weights make one output channel (of an up-convolution, leave one input channel), and channels
// differ in size by far, which is why each has a scale of its own.
#include "app/model/packed_weights.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "kernels/base/error.hpp"

namespace regkit {
namespace {

constexpr float kMost = 127;
constexpr const char* kScale = ".scale";

std::size_t row_size(const NamedTensor& tensor) {
    return tensor.values.size() / static_cast<std::size_t>(tensor.shape.front());
}

bool is_scale(const TensorFile& file, const NamedTensor& tensor) {
    return tensor.name.ends_with(kScale) &&
           file.bytes.contains(tensor.name.substr(0, tensor.name.size() - std::string(kScale).size()));
}

// Makes the tensor's values whole numbers; returns the scales.
NamedTensor pack(NamedTensor& tensor) {
    NamedTensor scales{tensor.name + kScale, {tensor.shape.front()}, {}};
    const std::size_t size = row_size(tensor);
    for (auto row = tensor.values.begin(); row != tensor.values.end();
         row += static_cast<std::ptrdiff_t>(size)) {
        const auto end = row + static_cast<std::ptrdiff_t>(size);
        float largest = 0;
        std::for_each(row, end, [&](float v) { largest = std::max(largest, std::abs(v)); });
        const float scale = largest / kMost;
        scales.values.push_back(scale);
        std::transform(row, end, row, [&](float v) {
            return scale > 0 ? std::clamp(std::nearbyint(v / scale), -kMost, kMost) + 0.0f : 0;  // no -0
        });
    }
    return scales;
}

}  // namespace

void pack_weights(TensorFile& file) {
    std::vector<NamedTensor> plain, packed;
    for (NamedTensor& tensor : file.tensors) {
        if (tensor.shape.size() < 2) {
            plain.push_back(std::move(tensor));
            continue;
        }
        plain.push_back(pack(tensor));
        file.bytes.insert(tensor.name);
        packed.push_back(std::move(tensor));
    }
    // Bytes last, so that every float lies aligned.
    file.tensors = std::move(plain);
    std::ranges::move(packed, std::back_inserter(file.tensors));
}

void unpack_weights(TensorFile& file, const std::string& path) {
    std::map<std::string, std::vector<float>> scales;
    for (NamedTensor& tensor : file.tensors)
        if (is_scale(file, tensor)) scales[tensor.name] = std::move(tensor.values);
    std::erase_if(file.tensors, [&](const NamedTensor& tensor) { return scales.contains(tensor.name); });
    for (NamedTensor& tensor : file.tensors) {
        if (!file.bytes.contains(tensor.name)) continue;
        const auto found = scales.find(tensor.name + kScale);
        require(!tensor.shape.empty() && found != scales.end() &&
                    static_cast<std::int64_t>(found->second.size()) == tensor.shape.front(),
                ErrorKind::input,
                path + ": tensor '" + tensor.name + "' is I8, without a scale for each of its rows");
        const std::size_t size = row_size(tensor);
        for (std::size_t i = 0; i < tensor.values.size(); ++i) tensor.values[i] *= found->second[i / size];
    }
    file.bytes.clear();
}

std::vector<NamedTensor> unpacked_shapes(const TensorFile& file) {
    std::vector<NamedTensor> shapes;
    for (const NamedTensor& tensor : file.tensors)
        if (!is_scale(file, tensor)) shapes.push_back({tensor.name, tensor.shape, {}});
    return shapes;
}

}  // namespace regkit
