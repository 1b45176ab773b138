// Engines over the library, on this machine's device.
#include <cuda_runtime.h>

#include <map>

#include "kernels/base/error.hpp"
#include "kernels/cuda/cudnn/cudnn_lstm.hpp"
#include "kernels/cuda/cudnn/graph.hpp"
#include "kernels/cuda/cudnn/library.hpp"

namespace regkit::cuda::cudnn {

namespace {

void require_cuda(cudaError_t error) {
    require(error == cudaSuccess, ErrorKind::resource,
            std::string("REGKIT_CUDA_KERNELS=cudnn: ") + cudaGetErrorString(error));
}

class CudnnPlan final : public Plan {
  public:
    CudnnPlan(std::shared_ptr<const Graph> graph, BuiltPlan plan)
        : Plan(plan.workspace()), graph_(std::move(graph)), plan_(std::move(plan)) {}

    cudnnBackendDescriptor_t raw() const { return plan_.whole.raw(); }

  private:
    std::shared_ptr<const Graph> graph_;  // which the plan refers to
    BuiltPlan plan_;
};

class Handle {
  public:
    Handle() {
        const cudnnStatus_t status = library().create(&raw_);
        require(status == CUDNN_STATUS_SUCCESS, ErrorKind::resource,
                "REGKIT_CUDA_KERNELS=cudnn: cuDNN " + library().version() +
                    " cannot use this device: " + library().get_error_string(status));
    }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;
    ~Handle() { library().destroy(raw_); }

    cudnnHandle_t raw() const { return raw_; }

  private:
    cudnnHandle_t raw_ = nullptr;
};

class Stopwatch {
  public:
    Stopwatch() {
        require_cuda(cudaEventCreate(&start_));
        require_cuda(cudaEventCreate(&stop_));
    }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;
    ~Stopwatch() {
        cudaEventDestroy(start_);
        cudaEventDestroy(stop_);
    }

    // Of what `body` queues on the stream; none where it fails, at once or later.
    template <typename Body>
    std::optional<float> milliseconds(cudaStream_t stream, const Body& body) {
        float elapsed = 0;
        const bool done = cudaEventRecord(start_, stream) == cudaSuccess && body() &&
                          cudaEventRecord(stop_, stream) == cudaSuccess &&
                          cudaEventSynchronize(stop_) == cudaSuccess &&
                          cudaEventElapsedTime(&elapsed, start_, stop_) == cudaSuccess;
        return done ? std::optional(elapsed) : std::nullopt;
    }

  private:
    cudaEvent_t start_ = nullptr, stop_ = nullptr;
};

class CudnnEngines final : public Engines {
  public:
    explicit CudnnEngines(int device) {
        cudaDeviceProp properties;
        require_cuda(cudaGetDeviceProperties(&properties, device));
        device_ = std::string(properties.name) + " sm_" + std::to_string(properties.major) +
                  std::to_string(properties.minor) + " " + std::to_string(properties.multiProcessorCount);
    }

    std::string version_name() const override { return "cuDNN " + library().version(); }
    std::string device() const override { return device_; }

    std::vector<PlanName> candidates(const Product& product) override {
        try {
            return offer_of(*graph(product), target()).names;
        } catch (const CallFailed&) {
            return {};
        }
    }

    std::unique_ptr<Plan> build(const Product& product, const PlanName& name) override {
        try {
            std::shared_ptr<const Graph> of = graph(product);
            return std::make_unique<CudnnPlan>(of, build_plan(*of, name, target()));
        } catch (const CallFailed&) {
            return nullptr;
        }
    }

    bool run(const Plan& plan, const Operands& operands) override {
        try {
            const std::int64_t ids[] = {kXId, kFilterId, kYId};
            const void* const pointers[] = {operands.x, operands.filter, operands.y};
            Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
            pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, ids);
            pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers);
            pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &operands.workspace);
            pack.finalize();
            const Library& l = library();
            return l.set_stream(handle_.raw(), static_cast<cudaStream_t>(operands.stream)) ==
                       CUDNN_STATUS_SUCCESS &&
                   l.execute(handle_.raw(), static_cast<const CudnnPlan&>(plan).raw(), pack.raw()) ==
                       CUDNN_STATUS_SUCCESS;
        } catch (const CallFailed&) {
            return false;
        }
    }

    // The second of two runs: the first loads the kernel.
    std::optional<float> milliseconds(const Plan& plan, const Operands& operands) override {
        if (!run(plan, operands)) return std::nullopt;
        return stopwatch_.milliseconds(static_cast<cudaStream_t>(operands.stream),
                                       [&] { return run(plan, operands); });
    }

    std::unique_ptr<LstmPlan> lstm(const LstmProblem& problem,
                                   const std::function<void*(std::int64_t bytes)>& memory,
                                   std::string& why) override {
        try {
            return lstm_plan(problem, handle_.raw(), memory);
        } catch (const CallFailed& failed) {
            why = failed.what;
            return nullptr;
        }
    }

  private:
    Target target() const { return {handle_.raw(), nullptr}; }

    std::shared_ptr<const Graph> graph(const Product& product) {
        std::shared_ptr<const Graph>& known = graphs_[text_of(product)];
        if (!known) known = std::make_shared<const Graph>(graph_of(product, target()));
        return known;
    }

    Handle handle_;
    Stopwatch stopwatch_;
    std::string device_;
    std::map<std::string, std::shared_ptr<const Graph>> graphs_;
};

}  // namespace

std::unique_ptr<Engines> open_engines(int device) {
    return std::make_unique<CudnnEngines>(device);
}

}  // namespace regkit::cuda::cudnn
