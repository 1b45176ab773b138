// What --version says of the numeric core: which Highway is compiled in, and which CUDA plug-in lies where it
// is looked for. The plug-in is not loaded for that.
#include <unistd.h>

#include "kernels/backend.hpp"
#include "kernels/cpu/highway_version.hpp"
#include "kernels/cuda/plugin.hpp"

namespace regkit {

std::vector<std::string> backend_libraries() {
    std::string plugin = "no CUDA plug-in";
    for (const std::string& path : cuda_plugin_paths())
        if (access(path.c_str(), R_OK) == 0) plugin = "CUDA plug-in " + path;
    return {"Highway " + highway_version(), plugin};
}

}  // namespace regkit
