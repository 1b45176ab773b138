// What plans.cpp, conv/cudnn.cu and lstm/cudnn.cu need of cuDNN. Implementations: cudnn_engines.cpp, over the
// library; no_engines.cpp, for a build without its headers; and one of the tests that computes on the CPU.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/cudnn/lstm_plan.hpp"
#include "kernels/cuda/cudnn/view.hpp"
#include "kernels/cuda/library_plan.hpp"

namespace regkit::cuda::cudnn {

// Which of its kernels cuDNN uses, and its settings of it. The same name is the same kernel for one version
// of cuDNN.
struct PlanName {
    std::int64_t engine = 0;
    std::vector<std::pair<std::int64_t, std::int64_t>> knobs;  // kind, value
    bool operator==(const PlanName&) const = default;
};

// A product ready to run.
using Plan = LibraryPlan;

// Device memory: bf16, laid out as the view's pictures. Which of them is written depends on the direction.
struct Operands {
    void* x;
    void* filter;
    void* y;
    void* workspace;
    void* stream;  // of CUDA, on which it runs
};

class Engines {
  public:
    Engines() = default;
    virtual ~Engines() = default;
    Engines(const Engines&) = delete;
    Engines& operator=(const Engines&) = delete;

    virtual std::string version_name() const = 0;  // "cuDNN 9.19.0"
    // What plans depend on besides: "NVIDIA H100 80GB HBM3 sm_90 132". Empty: plans are not kept in a file.
    virtual std::string device() const = 0;
    // Plans for the product, the best first as cuDNN expects it: on tensor cores, with sums in fp32, and the
    // same bits from the same operands each time. None where it has none.
    virtual std::vector<PlanName> candidates(const Product& product) = 0;
    // Null where cuDNN does not do it so.
    virtual std::unique_ptr<Plan> build(const Product& product, const PlanName& name) = 0;
    // Queues it on the operands' stream; false where that fails.
    virtual bool run(const Plan& plan, const Operands& operands) = 0;
    // How long a run takes, by the device's clock; none where it fails.
    virtual std::optional<float> milliseconds(const Plan& plan, const Operands& operands) = 0;

    // Null where cuDNN does not do it, and `why` in its words. `memory` gives device memory for so many bytes
    // of weights, of which only places are asked.
    virtual std::unique_ptr<LstmPlan> lstm(const LstmProblem& problem,
                                           const std::function<void*(std::int64_t bytes)>& memory,
                                           std::string& why) = 0;
};

// For CUDA's device of this number, which is current. Throws Error(resource) that names what is missing.
std::unique_ptr<Engines> open_engines(int device);

}  // namespace regkit::cuda::cudnn
