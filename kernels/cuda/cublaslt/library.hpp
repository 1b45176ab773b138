// libcublasLt, loaded when it is first needed: the plug-in is loaded without it.
#pragma once

#include <cublasLt.h>

#include <string>

namespace regkit::cuda::cublaslt {

// The functions that regkit calls, by the library's names for them.
struct Library {
    decltype(&cublasLtGetVersion) get_version;
    decltype(&cublasLtGetStatusString) get_status_string;
    decltype(&cublasLtCreate) create;
    decltype(&cublasLtDestroy) destroy;
    decltype(&cublasLtMatmulDescCreate) create_matmul;
    decltype(&cublasLtMatmulDescDestroy) destroy_matmul;
    decltype(&cublasLtMatmulDescSetAttribute) set_matmul;
    decltype(&cublasLtMatmulDescGetAttribute) get_matmul;
    decltype(&cublasLtMatrixLayoutCreate) create_layout;
    decltype(&cublasLtMatrixLayoutDestroy) destroy_layout;
    decltype(&cublasLtMatrixLayoutSetAttribute) set_layout;
    decltype(&cublasLtMatrixLayoutGetAttribute) get_layout;
    decltype(&cublasLtMatmulPreferenceCreate) create_preference;
    decltype(&cublasLtMatmulPreferenceDestroy) destroy_preference;
    decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference;
    decltype(&cublasLtMatmulPreferenceGetAttribute) get_preference;
    decltype(&cublasLtMatmulAlgoGetHeuristic) get_heuristic;
    decltype(&cublasLtMatmulAlgoCheck) check_algorithm;
    decltype(&cublasLtMatmulAlgoConfigGetAttribute) get_algorithm;
    decltype(&cublasLtMatmul) matmul;

    std::string version() const;  // "13.1.0"
};

// Never unloaded. Null, with the reason, where it cannot be had.
const Library* load_library(std::string& why);

}  // namespace regkit::cuda::cublaslt
