// What cuBLASLt takes without a GPU: the descriptors of every product of every preset's tail, made by the
// back end's own code and read back from the library, and what it is asked for in a plan. Which algorithms it
// has, it tells on a GPU alone. Exits 77 where the library is not installed.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/cuda/cublaslt/descriptors.hpp"
#include "kernels/cuda/cublaslt/products.hpp"
#include "nn/graph.hpp"
#include "nn/plan.hpp"
#include "nn/spec.hpp"

using namespace regkit;
using namespace regkit::cuda::cublaslt;

namespace {

constexpr int kMarkers = 919;

[[noreturn]] void fail(const std::string& what) {
    std::printf("FAILED: %s\n", what.c_str());
    std::exit(1);
}

void require_that(bool ok, const std::string& what) {
    if (!ok) fail(what);
}

// The sizes of a preset's tail (Network::Impl::tail).
Tail tail_of(const regkit::Graph& graph, const TailPlan& plan) {
    const auto fill = [&](TailLayer& to, int layer) {
        to.in = graph.nodes[static_cast<std::size_t>(layer)].channels_in;
        to.out = graph.nodes[static_cast<std::size_t>(layer)].channels;
    };
    Tail tail;
    tail.stride = plan.stride;
    if (plan.up >= 0) fill(tail.up, plan.up);
    for (const int layer : plan.dense) fill(tail.dense[tail.depth++], layer);
    return tail;
}

template <typename Value, typename Get>
Value get(const Get& call, const char* what) {
    Value value{};
    std::size_t written = 0;
    require_that(call(&value, sizeof value, &written) == CUBLAS_STATUS_SUCCESS && written == sizeof value,
                 std::string(what) + " cannot be read back");
    return value;
}

struct Checker {
    const Library& library;
    int products = 0;

    template <typename Value>
    Value matmul(const Descriptors& d, cublasLtMatmulDescAttributes_t name) const {
        return get<Value>(
            [&](void* to, std::size_t size, std::size_t* written) {
                return library.get_matmul(d.matmul(), name, to, size, written);
            },
            "an attribute of the product");
    }
    template <typename Value>
    Value layout(cublasLtMatrixLayout_t of, cublasLtMatrixLayoutAttribute_t name) const {
        return get<Value>(
            [&](void* to, std::size_t size, std::size_t* written) {
                return library.get_layout(of, name, to, size, written);
            },
            "an attribute of a matrix");
    }

    void check_layout(cublasLtMatrixLayout_t of, cudaDataType_t type, std::int64_t rows, std::int64_t columns,
                      std::int64_t pitch) const {
        require_that(
            layout<std::uint32_t>(of, CUBLASLT_MATRIX_LAYOUT_TYPE) == static_cast<std::uint32_t>(type),
            "a matrix has another type");
        require_that(layout<std::uint32_t>(of, CUBLASLT_MATRIX_LAYOUT_ORDER) == CUBLASLT_ORDER_COL,
                     "a matrix does not lie column by column");
        require_that(
            layout<std::uint64_t>(of, CUBLASLT_MATRIX_LAYOUT_ROWS) == static_cast<std::uint64_t>(rows) &&
                layout<std::uint64_t>(of, CUBLASLT_MATRIX_LAYOUT_COLS) == static_cast<std::uint64_t>(columns),
            "a matrix has another size");
        require_that(layout<std::int64_t>(of, CUBLASLT_MATRIX_LAYOUT_LD) == pitch,
                     "a matrix has another pitch");
        require_that(pitch >= rows && pitch % 8 == 0,
                     "a matrix' columns do not begin at multiples of 16 bytes");
    }
    void check_layouts(const Descriptors& d) const {
        const Product& p = d.product();
        check_layout(d.a(), CUDA_R_16BF, p.a_transposed ? p.depth : p.rows, p.a_transposed ? p.rows : p.depth,
                     p.a_pitch);
        check_layout(d.b(), CUDA_R_16BF, p.b_transposed ? p.columns : p.depth,
                     p.b_transposed ? p.depth : p.columns, p.b_pitch);
        check_layout(d.d(), p.in_float ? CUDA_R_32F : CUDA_R_16BF, p.rows, p.columns, p.d_pitch);
    }

    void check(const Product& product) {
        Descriptors d(library, product);
        const auto epilogue = matmul<std::uint32_t>(d, CUBLASLT_MATMUL_DESC_EPILOGUE);
        const bool has_bias = product.epilogue != Epilogue::none;
        require_that(epilogue == static_cast<std::uint32_t>(product.epilogue == Epilogue::bias_relu
                                                                ? CUBLASLT_EPILOGUE_RELU_BIAS
                                                            : has_bias ? CUBLASLT_EPILOGUE_BGRADB
                                                                       : CUBLASLT_EPILOGUE_DEFAULT),
                     "another epilogue");
        require_that(matmul<std::int32_t>(d, CUBLASLT_MATMUL_DESC_COMPUTE_TYPE) == CUBLAS_COMPUTE_32F,
                     "sums are not in fp32");
        require_that(matmul<std::int32_t>(d, CUBLASLT_MATMUL_DESC_TRANSA) ==
                             (product.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N) &&
                         matmul<std::int32_t>(d, CUBLASLT_MATMUL_DESC_TRANSB) ==
                             (product.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N),
                     "another transposition");
        const int bias = 0;
        if (has_bias) {
            d.set_bias(&bias);
            require_that(matmul<const void*>(d, CUBLASLT_MATMUL_DESC_BIAS_POINTER) == &bias, "another bias");
            require_that(matmul<std::int32_t>(d, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE) ==
                             (product.in_float ? CUDA_R_32F : CUDA_R_16BF),
                         "another type of bias");
        }
        check_layouts(d);
        d.set_positions(kColumnUnit);
        check_layouts(d);
        check_preference(product);
        ++products;
    }

    void check_preference(const Product& product) const {
        const Preference preference(library, product);
        const auto mask = get<std::uint32_t>(
            [&](void* to, std::size_t size, std::size_t* written) {
                return library.get_preference(preference.raw(), CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                                              to, size, written);
            },
            "what may be split");
        const bool over_positions = product.positions == Positions::depth;
        require_that(mask == (over_positions ? std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE}
                                             : std::uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE}),
                     "sums may be split in another way");
    }
};

// That the answers are the library's: by its file, and by questions to which the answer is no.
void check_library(const Library& library) {
    Dl_info where{};
    require_that(dladdr(reinterpret_cast<const void*>(library.matmul), &where) != 0,
                 "the library has no file");
    const std::string path = where.dli_fname;
    std::printf("cuBLASLt %s, %s\n", library.version().c_str(), path.c_str());
    require_that(path.substr(path.rfind('/') + 1).find("libcublasLt") == 0, "that is not cuBLASLt");
    cublasLtMatmulDesc_t raw = nullptr;
    require_that(library.create_matmul(&raw, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS,
                 "a product cannot be described");
    const std::uint8_t too_small = 1;
    require_that(library.set_matmul(raw, CUBLASLT_MATMUL_DESC_EPILOGUE, &too_small, sizeof too_small) !=
                     CUBLAS_STATUS_SUCCESS,
                 "an attribute of the wrong size is taken");
    library.destroy_matmul(raw);
}

}  // namespace

int main() {
    std::string why;
    const Library* const library = load_library(why);
    if (!library) {
        std::printf("SKIPPED: %s\n", why.c_str());
        return 77;
    }
    try {
        check_library(*library);
        Checker checker{*library};
        int tails = 0;
        for (const std::string& name : preset_names()) {
            const Spec spec = preset(name);
            const regkit::Graph graph = resolve(spec, kMarkers, name);
            for (const TailPlan& plan : make_plan(spec, graph, true).tails) {
                const Tail tail = tail_of(graph, plan);
                require_that(fits(tail), name + ": a tail that does not fit a chunk");
                const std::int64_t columns = Shapes::most_columns(tail, true, kChunkBytes);
                const Shapes shapes(tail, columns);
                std::printf("%s: %d layers, %d -> %d, %lld positions a chunk\n", name.c_str(), shapes.depth(),
                            shapes[0].in, shapes.padded_markers(), static_cast<long long>(shapes.pitch()));
                for (int k = 0; k < shapes.depth(); ++k)
                    for (const Product& product : {shapes.forward(k, columns), shapes.to_input(k, columns),
                                                   shapes.to_weights(k, columns)})
                        checker.check(product);
                ++tails;
            }
        }
        require_that(tails >= 5 && checker.products >= 3 * tails, "too few products");
        std::printf("%d tails, %d products: all are taken\n", tails, checker.products);
        return 0;
    } catch (const CallFailed& failed) {
        fail(failed.what);
    } catch (const std::exception& error) {
        fail(error.what());
    }
}
