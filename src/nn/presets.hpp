// Internal to src/nn: what CMake compiles in from examples/models/*.json.
#pragma once

#include <string_view>
#include <vector>

namespace regkit {

struct PresetText {
    std::string_view name;
    std::string_view json;
};

// In the order of REGKIT_PRESETS in CMakeLists.txt.
const std::vector<PresetText>& preset_texts();

}  // namespace regkit
