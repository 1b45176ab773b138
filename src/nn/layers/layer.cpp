// What several kinds of layers have in common.
#include "nn/layers/layer.hpp"

#include "kernels/base/error.hpp"

namespace regkit {

void Shaping::fail(const std::string& what) const {
    throw Error(ErrorKind::input, where + ": layer '" + layer.name + "': " + what);
}

std::vector<TensorSpec> weight_and_bias(std::vector<std::int64_t> shape, std::size_t channel_axis,
                                        std::int64_t inputs) {
    const std::int64_t out = shape[channel_axis];
    return {{.role = TensorSpec::Role::weight,
             .name = "weight",
             .shape = std::move(shape),
             .channel_axis = channel_axis,
             .inputs = inputs},
            {.role = TensorSpec::Role::bias,
             .name = "bias",
             .shape = {out},
             .start = TensorSpec::Start::biases,
             .inputs = inputs}};
}

}  // namespace regkit
