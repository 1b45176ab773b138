// libcudnn.so.9, loaded when it is first needed: the plug-in is loaded without it.
#pragma once

#include <cudnn.h>

#include <string>

namespace regkit::cuda::cudnn {

// The functions that regkit calls, by the library's names for them.
struct Library {
    decltype(&cudnnGetVersion) get_version;
    decltype(&cudnnGetErrorString) get_error_string;
    decltype(&cudnnGetLastErrorString) get_last_error_string;
    decltype(&cudnnCreate) create;
    decltype(&cudnnDestroy) destroy;
    decltype(&cudnnSetStream) set_stream;
    decltype(&cudnnBackendCreateDescriptor) create_descriptor;
    decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
    decltype(&cudnnBackendFinalize) finalize;
    decltype(&cudnnBackendSetAttribute) set_attribute;
    decltype(&cudnnBackendGetAttribute) get_attribute;
    decltype(&cudnnBackendExecute) execute;
    // Of LSTMs.
    decltype(&cudnnCreateTensorDescriptor) create_tensor;
    decltype(&cudnnDestroyTensorDescriptor) destroy_tensor;
    decltype(&cudnnSetTensorNdDescriptor) set_tensor;
    decltype(&cudnnGetTensorNdDescriptor) get_tensor;
    decltype(&cudnnCreateRNNDescriptor) create_rnn;
    decltype(&cudnnDestroyRNNDescriptor) destroy_rnn;
    decltype(&cudnnSetRNNDescriptor_v8) set_rnn;
    decltype(&cudnnCreateRNNDataDescriptor) create_rnn_data;
    decltype(&cudnnDestroyRNNDataDescriptor) destroy_rnn_data;
    decltype(&cudnnSetRNNDataDescriptor) set_rnn_data;
    decltype(&cudnnGetRNNWeightSpaceSize) rnn_weight_space;
    decltype(&cudnnGetRNNWeightParams) rnn_weight_params;
    decltype(&cudnnGetRNNTempSpaceSizes) rnn_temp_space;
    decltype(&cudnnRNNForward) rnn_forward;
    decltype(&cudnnRNNBackwardData_v8) rnn_backward_data;
    decltype(&cudnnRNNBackwardWeights_v8) rnn_backward_weights;

    std::string version() const;  // "9.19.0"
};

// Never unloaded. Throws Error(resource) that names what is missing.
const Library& library();

// A call of cuDNN that failed. Caught within this folder and by its test.
struct CallFailed {
    cudnnStatus_t status;
    std::string what;  // in cuDNN's words
};
// Throws CallFailed.
void require_success(cudnnStatus_t status);

}  // namespace regkit::cuda::cudnn
