#include "kernels/cuda/cudnn/library.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <vector>

#include "base/error.hpp"

namespace regkit::cuda::cudnn {

namespace {

constexpr const char* kName = "libcudnn.so.9";

[[noreturn]] void fail(const std::string& why) {
    throw Error(ErrorKind::resource, "REGKIT_CUDA_KERNELS=cudnn needs cuDNN 9: " + why);
}

// Where the system finds it, then where CUDA is.
void* open() {
    std::vector<std::string> paths = {kName};
    for (const char* const variable : {"CUDA_HOME", "CUDA_PATH"})
        if (const char* const folder = std::getenv(variable))
            paths.push_back(folder + ("/lib64/" + std::string(kName)));
    paths.push_back(std::string("/usr/local/cuda/lib64/") + kName);
    std::string why;
    for (const std::string& path : paths) {
        if (void* const found = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return found;
        if (why.empty()) why = dlerror();
    }
    fail(why);
}

template <typename Function>
void find(void* from, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(from, name));
    if (!function) fail(std::string(kName) + " has no " + name);
}

Library load() {
    void* const from = open();
    Library l{};
    find(from, "cudnnGetVersion", l.get_version);
    find(from, "cudnnGetErrorString", l.get_error_string);
    find(from, "cudnnGetLastErrorString", l.get_last_error_string);
    find(from, "cudnnCreate", l.create);
    find(from, "cudnnDestroy", l.destroy);
    find(from, "cudnnSetStream", l.set_stream);
    find(from, "cudnnBackendCreateDescriptor", l.create_descriptor);
    find(from, "cudnnBackendDestroyDescriptor", l.destroy_descriptor);
    find(from, "cudnnBackendFinalize", l.finalize);
    find(from, "cudnnBackendSetAttribute", l.set_attribute);
    find(from, "cudnnBackendGetAttribute", l.get_attribute);
    find(from, "cudnnBackendExecute", l.execute);
    return l;
}

}  // namespace

std::string Library::version() const {
    const std::size_t number = get_version();  // 91900
    return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." +
           std::to_string(number % 100);
}

const Library& library() {
    static const Library loaded = load();
    return loaded;
}

}  // namespace regkit::cuda::cudnn
