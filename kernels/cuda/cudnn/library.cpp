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

// One of the library's functions, for a pointer to it of any type.
struct Found {
    void* address;
    template <typename Function>
    operator Function*() const {
        return reinterpret_cast<Function*>(address);
    }
};

Library load() {
    // cuDNN does LSTMs by cuBLAS, on several streams; its results are the same bits each time only with
    // working memory of one size (cuDNN's release notes since 7.6.5). Asked for before cuBLAS is
    // loaded; the user's word goes first.
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:2", 0);
    void* const from = open();
    const auto found = [&](const char* name) {
        void* const address = dlsym(from, name);
        if (!address) fail(std::string(kName) + " has no " + name);
        return Found{address};
    };
    return {.get_version = found("cudnnGetVersion"),
            .get_error_string = found("cudnnGetErrorString"),
            .get_last_error_string = found("cudnnGetLastErrorString"),
            .create = found("cudnnCreate"),
            .destroy = found("cudnnDestroy"),
            .set_stream = found("cudnnSetStream"),
            .create_descriptor = found("cudnnBackendCreateDescriptor"),
            .destroy_descriptor = found("cudnnBackendDestroyDescriptor"),
            .finalize = found("cudnnBackendFinalize"),
            .set_attribute = found("cudnnBackendSetAttribute"),
            .get_attribute = found("cudnnBackendGetAttribute"),
            .execute = found("cudnnBackendExecute"),
            .create_tensor = found("cudnnCreateTensorDescriptor"),
            .destroy_tensor = found("cudnnDestroyTensorDescriptor"),
            .set_tensor = found("cudnnSetTensorNdDescriptor"),
            .get_tensor = found("cudnnGetTensorNdDescriptor"),
            .create_rnn = found("cudnnCreateRNNDescriptor"),
            .destroy_rnn = found("cudnnDestroyRNNDescriptor"),
            .set_rnn = found("cudnnSetRNNDescriptor_v8"),
            .create_rnn_data = found("cudnnCreateRNNDataDescriptor"),
            .destroy_rnn_data = found("cudnnDestroyRNNDataDescriptor"),
            .set_rnn_data = found("cudnnSetRNNDataDescriptor"),
            .rnn_weight_space = found("cudnnGetRNNWeightSpaceSize"),
            .rnn_weight_params = found("cudnnGetRNNWeightParams"),
            .rnn_temp_space = found("cudnnGetRNNTempSpaceSizes"),
            .rnn_forward = found("cudnnRNNForward"),
            .rnn_backward_data = found("cudnnRNNBackwardData_v8"),
            .rnn_backward_weights = found("cudnnRNNBackwardWeights_v8")};
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

void require_success(cudnnStatus_t status) {
    if (status == CUDNN_STATUS_SUCCESS) return;
    char details[256] = "";
    library().get_last_error_string(details, sizeof details);
    throw CallFailed{status, std::string(library().get_error_string(status)) + ": " + details};
}

}  // namespace regkit::cuda::cudnn
