// Names, shapes and places of a network's parameters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace regkit {

// One parameter (or statistic): a range of the flat array.
struct ParameterInfo {
    std::string name;
    std::vector<std::int64_t> shape;
    std::int64_t offset = 0;
    std::int64_t count = 0;
};

}  // namespace regkit
