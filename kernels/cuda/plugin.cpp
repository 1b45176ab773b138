// The plug-in is looked for beside the program, opened, and asked for the hash of its build before anything
// else of it is called: only objects of one build understand each other's Backend. Each way in which this can
// fail has words of its own, and all name the way out, --device cpu.
#include "kernels/cuda/plugin.hpp"

#include <dlfcn.h>
#include <unistd.h>

#include <cstring>

#include "kernels/base/error.hpp"

namespace regkit {

namespace {

constexpr const char* kPluginName = "libregkit_cuda.so";
constexpr const char* kDriverName = "libcuda.so.1";

[[noreturn]] void fail(const std::string& cause) {
    throw Error(ErrorKind::resource, "--device cuda: " + cause + "; use --device cpu");
}

std::string program_folder() {
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    if (length <= 0 || length == static_cast<ssize_t>(sizeof path)) return ".";
    const std::string program(path, static_cast<std::size_t>(length));
    return program.substr(0, program.rfind('/'));
}

// Null when there is no such file.
void* open_first(const std::vector<std::string>& paths, std::string& opened) {
    for (const std::string& path : paths) {
        if (access(path.c_str(), F_OK) != 0) continue;
        opened = path;
        void* const plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (!plugin) fail(std::string("cannot load the plug-in: ") + dlerror());
        return plugin;
    }
    return nullptr;
}

}  // namespace

bool has_cuda_driver() {
    void* const driver = dlopen(kDriverName, RTLD_LAZY | RTLD_LOCAL);
    return driver != nullptr;  // kept open: the plug-in needs it next
}

std::vector<std::string> cuda_plugin_paths() {
    const std::string folder = program_folder();
    return {folder + "/../lib/regkit/" + kPluginName, folder + "/" + kPluginName};
}

std::unique_ptr<Backend> load_cuda_backend(int device, const KernelChoice& choice,
                                           const std::vector<std::string>& paths) {
    std::string opened;
    void* const plugin = open_first(paths, opened);
    if (!plugin) {
        std::string looked;
        for (const std::string& path : paths) looked += (looked.empty() ? "" : ", ") + path;
        fail("this installation has no CUDA plug-in (looked for " + looked + ")");
    }
    const auto entry = reinterpret_cast<OpenCudaBackend*>(dlsym(plugin, kCudaEntry));
    if (!entry) fail(opened + " is not regkit's plug-in");
    // Before the driver is asked, so that a plug-in of another build is named as such on any machine.
    const auto build = reinterpret_cast<CudaPluginBuild*>(dlsym(plugin, kCudaBuild));
    if (!build || std::strcmp(build(), build_hash()) != 0)
        fail("the plug-in " + opened + " belongs to another build of regkit; install both together");
    char why[240] = "";
    std::unique_ptr<Backend> backend(entry(device, choice, why, sizeof why));
    if (!backend) fail(why);
    return backend;
}

}  // namespace regkit
