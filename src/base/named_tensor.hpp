// A named fp32 array, as model files hold them: the currency between io (which knows files) and nn (which
// knows layers).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace regkit {

struct NamedTensor {
    std::string name;                 // PyTorch's, e.g. "conv2.weight"
    std::vector<std::int64_t> shape;  // row-major
    std::vector<float> values;        // product of shape
};

}  // namespace regkit
