// How results are the same in every run: each output is one sum that one block of threads computes, in the
// order of its algorithm. Only sums over positions, which are thousands of terms for a few outputs, may be
// split: then the parts are kept in the workspace in fp32 and added up by a second kernel, in their order
// (CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE). Nothing is added by atomics. The library is asked for such
// algorithms alone, and lt_engine.cpp reads back from what it offers whether they are.
//
// How results do not depend on the number of positions: an algorithm is asked for the largest number, once,
// and is used for every other (lt_engine.cpp); so one kernel with one tile computes them all.
#include "kernels/cuda/cublaslt/descriptors.hpp"

namespace regkit::cuda::cublaslt {

namespace {

void require_done(const Library& library, cublasStatus_t status, const char* call) {
    if (status != CUBLAS_STATUS_SUCCESS)
        throw CallFailed{status, std::string(call) + ": " + library.get_status_string(status)};
}

cublasLtEpilogue_t epilogue_of(const Product& product) {
    switch (product.epilogue) {
        case Epilogue::bias_relu:
            return CUBLASLT_EPILOGUE_RELU_BIAS;
        case Epilogue::bias_gradient:
            return CUBLASLT_EPILOGUE_BGRADB;
        case Epilogue::none:
            break;
    }
    return CUBLASLT_EPILOGUE_DEFAULT;
}

struct Size {
    std::int64_t rows, columns;  // as stored
};
Size size_of_a(const Product& p) {
    return p.a_transposed ? Size{p.depth, p.rows} : Size{p.rows, p.depth};
}
Size size_of_b(const Product& p) {
    return p.b_transposed ? Size{p.columns, p.depth} : Size{p.depth, p.columns};
}

}  // namespace

Descriptors::Descriptors(const Library& library, const Product& product)
    : library_(library), product_(product) {
    try {
        make();
    } catch (...) {
        destroy();
        throw;
    }
}

Descriptors::~Descriptors() {
    destroy();
}

void Descriptors::make() {
    const Library& l = library_;
    require_done(l, l.create_matmul(&matmul_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
    const auto set = [&](cublasLtMatmulDescAttributes_t name, const auto& value) {
        require_done(l, l.set_matmul(matmul_, name, &value, sizeof value), "cublasLtMatmulDescSetAttribute");
    };
    const cublasOperation_t a_operation = product_.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N,
                            b_operation = product_.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    set(CUBLASLT_MATMUL_DESC_TRANSA, a_operation);
    set(CUBLASLT_MATMUL_DESC_TRANSB, b_operation);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(product_));
    if (product_.epilogue != Epilogue::none) {
        set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, product_.in_float ? CUDA_R_32F : CUDA_R_16BF);
        // Algorithms are chosen by how it is aligned.
        set_bias(reinterpret_cast<const void*>(kAlignment));
    }
    const auto make_layout = [&](cublasLtMatrixLayout_t& layout, cudaDataType_t type, const Size& size,
                                 std::int64_t pitch) {
        require_done(l,
                     l.create_layout(&layout, type, static_cast<std::uint64_t>(size.rows),
                                     static_cast<std::uint64_t>(size.columns), pitch),
                     "cublasLtMatrixLayoutCreate");
    };
    make_layout(a_, CUDA_R_16BF, size_of_a(product_), product_.a_pitch);
    make_layout(b_, CUDA_R_16BF, size_of_b(product_), product_.b_pitch);
    make_layout(d_, product_.in_float ? CUDA_R_32F : CUDA_R_16BF, {product_.rows, product_.columns},
                product_.d_pitch);
}

void Descriptors::destroy() noexcept {
    for (const cublasLtMatrixLayout_t layout : {a_, b_, d_})
        if (layout) library_.destroy_layout(layout);
    if (matmul_) library_.destroy_matmul(matmul_);
}

void Descriptors::set_positions(std::int64_t count) {
    if (count == product_.size()) return;
    product_ = product_.at(count);
    const auto set = [&](cublasLtMatrixLayout_t layout, const Size& size) {
        const std::uint64_t rows = static_cast<std::uint64_t>(size.rows),
                            columns = static_cast<std::uint64_t>(size.columns);
        require_done(library_, library_.set_layout(layout, CUBLASLT_MATRIX_LAYOUT_ROWS, &rows, sizeof rows),
                     "cublasLtMatrixLayoutSetAttribute");
        require_done(library_,
                     library_.set_layout(layout, CUBLASLT_MATRIX_LAYOUT_COLS, &columns, sizeof columns),
                     "cublasLtMatrixLayoutSetAttribute");
    };
    set(a_, size_of_a(product_));
    set(b_, size_of_b(product_));
    set(d_, {product_.rows, product_.columns});
}

void Descriptors::set_bias(const void* bias) {
    require_done(library_,
                 library_.set_matmul(matmul_, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias),
                 "cublasLtMatmulDescSetAttribute");
}

Preference::Preference(const Library& library, const Product& product) : library_(library) {
    require_done(library, library.create_preference(&raw_), "cublasLtMatmulPreferenceCreate");
    const auto set = [&](cublasLtMatmulPreferenceAttributes_t name, const auto& value) {
        const cublasStatus_t status = library.set_preference(raw_, name, &value, sizeof value);
        if (status != CUBLAS_STATUS_SUCCESS) library.destroy_preference(raw_);
        require_done(library, status, "cublasLtMatmulPreferenceSetAttribute");
    };
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
    set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions(product));
}

Preference::~Preference() {
    library_.destroy_preference(raw_);
}

std::uint32_t Preference::reductions(const Product& product) {
    return product.positions == Positions::depth ? CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE
                                                 : CUBLASLT_REDUCTION_SCHEME_NONE;
}

}  // namespace regkit::cuda::cublaslt
