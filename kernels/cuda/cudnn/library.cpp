// All functions are looked up by name when one is first needed. Who asks for cuDNN's kernels gets them or an
// error that names what is missing; there is no silent second choice. cuBLAS, by which cuDNN does LSTMs, is
// told beforehand to keep to working memory of one size, because only then are results the same bits each
// time.
#include "kernels/cuda/cudnn/library.hpp"

#include <cstdlib>

#include "kernels/base/error.hpp"
#include "kernels/cuda/shared_library.hpp"

namespace regkit::cuda::cudnn {

namespace {

constexpr const char* kName = "libcudnn.so.9";

Library load() {
    // cuDNN does LSTMs by cuBLAS, on several streams; its results are the same bits each time only with
    // working memory of one size (cuDNN's release notes since 7.6.5). Asked for before cuBLAS is
    // loaded; the user's word goes first.
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:2", 0);
    SharedLibrary in = SharedLibrary::beside_cuda(kName);
    Library l{};
    in.find("cudnnGetVersion", l.get_version);
    in.find("cudnnGetErrorString", l.get_error_string);
    in.find("cudnnGetLastErrorString", l.get_last_error_string);
    in.find("cudnnCreate", l.create);
    in.find("cudnnDestroy", l.destroy);
    in.find("cudnnSetStream", l.set_stream);
    in.find("cudnnBackendCreateDescriptor", l.create_descriptor);
    in.find("cudnnBackendDestroyDescriptor", l.destroy_descriptor);
    in.find("cudnnBackendFinalize", l.finalize);
    in.find("cudnnBackendSetAttribute", l.set_attribute);
    in.find("cudnnBackendGetAttribute", l.get_attribute);
    in.find("cudnnBackendExecute", l.execute);
    in.find("cudnnCreateTensorDescriptor", l.create_tensor);
    in.find("cudnnDestroyTensorDescriptor", l.destroy_tensor);
    in.find("cudnnSetTensorNdDescriptor", l.set_tensor);
    in.find("cudnnGetTensorNdDescriptor", l.get_tensor);
    in.find("cudnnCreateRNNDescriptor", l.create_rnn);
    in.find("cudnnDestroyRNNDescriptor", l.destroy_rnn);
    in.find("cudnnSetRNNDescriptor_v8", l.set_rnn);
    in.find("cudnnCreateRNNDataDescriptor", l.create_rnn_data);
    in.find("cudnnDestroyRNNDataDescriptor", l.destroy_rnn_data);
    in.find("cudnnSetRNNDataDescriptor", l.set_rnn_data);
    in.find("cudnnGetRNNWeightSpaceSize", l.rnn_weight_space);
    in.find("cudnnGetRNNWeightParams", l.rnn_weight_params);
    in.find("cudnnGetRNNTempSpaceSizes", l.rnn_temp_space);
    in.find("cudnnRNNForward", l.rnn_forward);
    in.find("cudnnRNNBackwardData_v8", l.rnn_backward_data);
    in.find("cudnnRNNBackwardWeights_v8", l.rnn_backward_weights);
    if (!in) throw Error(ErrorKind::resource, "REGKIT_CUDA_KERNELS=cudnn needs cuDNN 9: " + in.why());
    return l;
}

}  // namespace

std::string Library::version() const {
    const std::size_t number = get_version();  // 91900
    return version_text(number / 10000, number / 100 % 100, number % 100);
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
