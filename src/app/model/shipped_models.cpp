// Folders are found from where the program lies, so that an installation can be moved.
#include "app/model/shipped_models.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/descriptor.hpp"

namespace regkit {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEnding = ".safetensors";

std::vector<fs::path> folders() {
    std::vector<fs::path> all;
    if (const char* const told = std::getenv("REGKIT_MODELS")) {
        const std::string text = told;
        for (std::size_t at = 0; at <= text.size();) {
            const std::size_t end = std::min(text.find(':', at), text.size());
            if (end > at) all.emplace_back(text.substr(at, end - at));
            at = end + 1;
        }
    }
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
    if (!error) {
        all.push_back(program.parent_path() / "share/regkit/models");
        all.push_back(program.parent_path().parent_path() / "examples/models/trained");
    }
    return all;
}

}  // namespace

std::string find_model(const std::string& name) {
    std::error_code error;
    const fs::file_status here = fs::status(name, error);
    if (name.empty() || name.find('/') != std::string::npos || name.ends_with(kEnding) ||
        (fs::exists(here) && !fs::is_directory(here)))
        return name;
    for (const fs::path& folder : folders())
        if (const fs::path file = folder / (name + kEnding); fs::is_regular_file(file, error))
            return file.string();
    return name;
}

std::vector<std::string> shipped_models() {
    std::set<std::string> names;
    for (const fs::path& folder : folders()) {
        std::error_code error;
        for (const fs::directory_entry& entry : open_directory(folder.string(), error))
            if (entry.path().extension() == kEnding) names.insert(entry.path().stem().string());
    }
    return {names.begin(), names.end()};
}

}  // namespace regkit
