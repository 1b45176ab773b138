// Finds a preset by its name among the texts compiled in, and reads it by the same parser as a user's file,
// so that a preset can do nothing that a file cannot.
#include "nn/presets.hpp"

#include "kernels/base/error.hpp"
#include "nn/spec.hpp"

namespace regkit {

std::vector<std::string> preset_names() {
    std::vector<std::string> names;
    for (const PresetText& preset : preset_texts()) names.emplace_back(preset.name);
    return names;
}

Spec preset(const std::string& name) {
    std::string known;
    for (const PresetText& preset : preset_texts()) {
        if (preset.name == name) return parse_spec(preset.json, "preset " + name);
        known += (known.empty() ? "" : ", ") + std::string(preset.name);
    }
    throw Error(ErrorKind::usage, "there is no preset '" + name + "'; choose one of " + known +
                                      ", or name a JSON file (regkit-spec(5))");
}

}  // namespace regkit
