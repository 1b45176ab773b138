// Models that come with the tools, which -m takes by name.
#pragma once

#include <string>
#include <vector>

namespace regkit {

// The file that `name` stands for: itself where there is one (a folder is none), or it looks like a path (a
// '/', or .safetensors at its end); else NAME.safetensors out of the folders of $REGKIT_MODELS (with ':'
// between them), of share/regkit/models beside the program's folder, or of the source tree that it was built
// in; itself where none of them has it.
std::string find_model(const std::string& name);
// Names that find_model knows, sorted.
std::vector<std::string> shipped_models();

}  // namespace regkit
