#include "kernels/cuda/cublaslt/library.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <vector>

namespace regkit::cuda::cublaslt {

namespace {

// Of the header's major version, whose functions have these parameters.
const std::string kName = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);

// Where the system finds it, then where CUDA is.
void* open(std::string& why) {
    std::vector<std::string> paths = {kName};
    for (const char* const variable : {"CUDA_HOME", "CUDA_PATH"})
        if (const char* const folder = std::getenv(variable)) paths.push_back(folder + ("/lib64/" + kName));
    paths.push_back("/usr/local/cuda/lib64/" + kName);
    std::string first;
    for (const std::string& path : paths) {
        if (void* const found = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return found;
        if (first.empty()) first = dlerror();
    }
    why = first;
    return nullptr;
}

// Finds functions until one is missing.
class Finder {
  public:
    explicit Finder(void* library) : library_(library) {}

    template <typename Function>
    void find(const char* name, Function& function) {
        function = reinterpret_cast<Function>(dlsym(library_, name));
        if (!function && missing_.empty()) missing_ = name;
    }
    const std::string& missing() const { return missing_; }

  private:
    void* library_;
    std::string missing_;
};

bool load(Library& l, std::string& why) {
    void* const from = open(why);
    if (!from) return false;
    Finder in(from);
    in.find("cublasLtGetVersion", l.get_version);
    in.find("cublasLtGetStatusString", l.get_status_string);
    in.find("cublasLtCreate", l.create);
    in.find("cublasLtDestroy", l.destroy);
    in.find("cublasLtMatmulDescCreate", l.create_matmul);
    in.find("cublasLtMatmulDescDestroy", l.destroy_matmul);
    in.find("cublasLtMatmulDescSetAttribute", l.set_matmul);
    in.find("cublasLtMatmulDescGetAttribute", l.get_matmul);
    in.find("cublasLtMatrixLayoutCreate", l.create_layout);
    in.find("cublasLtMatrixLayoutDestroy", l.destroy_layout);
    in.find("cublasLtMatrixLayoutSetAttribute", l.set_layout);
    in.find("cublasLtMatrixLayoutGetAttribute", l.get_layout);
    in.find("cublasLtMatmulPreferenceCreate", l.create_preference);
    in.find("cublasLtMatmulPreferenceDestroy", l.destroy_preference);
    in.find("cublasLtMatmulPreferenceSetAttribute", l.set_preference);
    in.find("cublasLtMatmulPreferenceGetAttribute", l.get_preference);
    in.find("cublasLtMatmulAlgoGetHeuristic", l.get_heuristic);
    in.find("cublasLtMatmulAlgoCheck", l.check_algorithm);
    in.find("cublasLtMatmulAlgoConfigGetAttribute", l.get_algorithm);
    in.find("cublasLtMatmul", l.matmul);
    if (!in.missing().empty()) why = kName + " has no " + in.missing();
    return in.missing().empty();
}

}  // namespace

std::string Library::version() const {
    const std::size_t number = get_version();  // 130100
    return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." +
           std::to_string(number % 100);
}

const Library* load_library(std::string& why) {
    static std::string reason;
    static Library loaded{};
    static const bool is_loaded = load(loaded, reason);
    why = reason;
    return is_loaded ? &loaded : nullptr;
}

}  // namespace regkit::cuda::cublaslt
