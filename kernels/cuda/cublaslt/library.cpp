// All functions are looked up by name when one is first needed, in the library of the same major version as
// the header, whose parameters they have. Where the library or one of them is missing there is none at all,
// and the reason is kept, so that other kernels do the work.
#include "kernels/cuda/cublaslt/library.hpp"

#include "kernels/cuda/shared_library.hpp"

namespace regkit::cuda::cublaslt {

namespace {

// Of the header's major version, whose functions have these parameters.
const std::string kName = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);

bool load(Library& l, std::string& why) {
    SharedLibrary in = SharedLibrary::beside_cuda(kName);
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
    why = in.why();
    return bool(in);
}

}  // namespace

std::string Library::version() const {
    const std::size_t number = get_version();  // 130100
    return version_text(number / 10000, number / 100 % 100, number % 100);
}

const Library* load_library(std::string& why) {
    static std::string reason;
    static Library loaded{};
    static const bool is_loaded = load(loaded, reason);
    why = reason;
    return is_loaded ? &loaded : nullptr;
}

}  // namespace regkit::cuda::cublaslt
