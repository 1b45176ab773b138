// Engine over the library, on CUDA's current device.
#include "kernels/cuda/cublaslt/descriptors.hpp"

namespace regkit::cuda::cublaslt {

namespace {

class LtPlan final : public Plan {
  public:
    LtPlan(std::unique_ptr<Descriptors> descriptors, const cublasLtMatmulHeuristicResult_t& found)
        : Plan(static_cast<std::int64_t>(found.workspaceSize)),
          descriptors_(std::move(descriptors)),
          algorithm_(found.algo) {}

    Descriptors& descriptors() { return *descriptors_; }
    const cublasLtMatmulAlgo_t& algorithm() const { return algorithm_; }

  private:
    std::unique_ptr<Descriptors> descriptors_;
    cublasLtMatmulAlgo_t algorithm_;
};

// The fewest positions that the tail asks for at a time.
constexpr std::int64_t kFewestPositions = 32;
constexpr int kCandidates = 16;

class LtEngine final : public Engine {
  public:
    LtEngine(const Library& library, cublasLtHandle_t handle) : library_(library), handle_(handle) {}
    ~LtEngine() override { library_.destroy(handle_); }

    std::string version_name() const override { return "cuBLASLt " + library_.version(); }

    // The first that the library offers for the largest number of positions and that does the smallest too.
    std::unique_ptr<Plan> plan(const Product& product) override {
        try {
            auto descriptors = std::make_unique<Descriptors>(library_, product);
            const Preference preference(library_, product);
            cublasLtMatmulHeuristicResult_t found[kCandidates];
            int count = 0;
            if (library_.get_heuristic(handle_, descriptors->matmul(), descriptors->a(), descriptors->b(),
                                       descriptors->d(), descriptors->d(), preference.raw(), kCandidates,
                                       found, &count) != CUBLAS_STATUS_SUCCESS)
                return nullptr;
            for (int i = 0; i < count; ++i)
                if (found[i].state == CUBLAS_STATUS_SUCCESS && adds_in_order(found[i].algo, product) &&
                    takes_few(found[i], *descriptors))
                    return std::make_unique<LtPlan>(std::move(descriptors), found[i]);
            return nullptr;
        } catch (const CallFailed&) {
            return nullptr;
        }
    }

    bool run(Plan& plan, std::int64_t positions, const Operands& operands) override {
        auto& lt = static_cast<LtPlan&>(plan);
        Descriptors& d = lt.descriptors();
        try {
            d.set_positions(positions);
            if (d.product().epilogue != Epilogue::none) d.set_bias(operands.bias);
        } catch (const CallFailed&) {
            return false;
        }
        const float alpha = 1;
        return library_.matmul(handle_, d.matmul(), &alpha, operands.a, d.a(), operands.b, d.b(),
                               &operands.beta, operands.d, d.d(), operands.d, d.d(), &lt.algorithm(),
                               operands.workspace, static_cast<std::size_t>(plan.workspace()),
                               static_cast<cudaStream_t>(operands.stream)) == CUBLAS_STATUS_SUCCESS;
    }

  private:
    // Whether it splits no sum, or adds the parts as descriptors.cpp says.
    bool adds_in_order(const cublasLtMatmulAlgo_t& algorithm, const Product& product) const {
        std::int32_t splits = 0;
        std::uint32_t scheme = 0;
        std::size_t written = 0;
        if (library_.get_algorithm(&algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &splits, sizeof splits,
                                   &written) != CUBLAS_STATUS_SUCCESS ||
            library_.get_algorithm(&algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &scheme, sizeof scheme,
                                   &written) != CUBLAS_STATUS_SUCCESS)
            return false;
        const bool is_whole = (splits == 0 || splits == 1) && scheme == CUBLASLT_REDUCTION_SCHEME_NONE;
        return is_whole || (scheme & ~Preference::reductions(product)) == 0;
    }

    // `descriptors` are the product's own again in the end.
    bool takes_few(const cublasLtMatmulHeuristicResult_t& found, Descriptors& descriptors) const {
        const Product& product = descriptors.product();
        const std::int64_t most = product.size();
        if (product.positions == Positions::depth || most <= kFewestPositions) return true;
        descriptors.set_positions(kFewestPositions);
        cublasLtMatmulHeuristicResult_t checked{};
        const bool takes = library_.check_algorithm(handle_, descriptors.matmul(), descriptors.a(),
                                                    descriptors.b(), descriptors.d(), descriptors.d(),
                                                    &found.algo, &checked) == CUBLAS_STATUS_SUCCESS &&
                           checked.workspaceSize <= found.workspaceSize;
        descriptors.set_positions(most);
        return takes;
    }

    const Library& library_;
    cublasLtHandle_t handle_;
};

}  // namespace

std::unique_ptr<Engine> open_engine(std::string& why) {
    const Library* const library = load_library(why);
    if (!library) return nullptr;
    cublasLtHandle_t handle = nullptr;
    const cublasStatus_t status = library->create(&handle);
    if (status != CUBLAS_STATUS_SUCCESS) {
        why = "cuBLASLt " + library->version() +
              " cannot use this device: " + library->get_status_string(status);
        return nullptr;
    }
    return std::make_unique<LtEngine>(*library, handle);
}

}  // namespace regkit::cuda::cublaslt
