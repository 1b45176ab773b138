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

    std::string version() const;  // "9.19.0"
};

// Never unloaded. Throws Error(resource) that names what is missing.
const Library& library();

}  // namespace regkit::cuda::cudnn
