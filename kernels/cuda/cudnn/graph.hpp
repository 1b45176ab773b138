// cuDNN's graph API as far as convolutions need it: a product becomes a graph of one operation, for which
// cuDNN is asked for engine configurations, of which execution plans are made. All of that also works for a
// device that this machine does not have, given its properties as JSON; so a test can ask what would be
// supported there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/cuda/cudnn/engines.hpp"
#include "kernels/cuda/cudnn/library.hpp"

namespace regkit::cuda::cudnn {

// Owns one of cuDNN's descriptors. Functions throw CallFailed.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(cudnnBackendDescriptorType_t type);
    Descriptor(Descriptor&& other) noexcept : raw_(other.raw_) { other.raw_ = nullptr; }
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    cudnnBackendDescriptor_t raw() const { return raw_; }

    void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
             const void* values);
    void set(cudnnBackendAttributeName_t name, std::int64_t value);
    void set(cudnnBackendAttributeName_t name, const std::vector<std::int64_t>& values);
    void set(cudnnBackendAttributeName_t name, const Descriptor& value);
    void set_float(cudnnBackendAttributeName_t name, float value);
    void finalize();

    std::int64_t get(cudnnBackendAttributeName_t name) const;
    // Up to `room` of them; returns how many there are.
    std::int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t room,
                     void* values) const;
    // As many descriptors as there are.
    std::vector<Descriptor> get_all(cudnnBackendAttributeName_t name,
                                    cudnnBackendDescriptorType_t type) const;

  private:
    cudnnBackendDescriptor_t raw_ = nullptr;
};

// A device for which plans are made: this machine's, through cuDNN's handle, or any, by its properties.
struct Target {
    cudnnHandle_t handle = nullptr;
    const Descriptor* properties = nullptr;
};
Descriptor device_properties(const std::string& json);

// A graph, and what it consists of.
struct Graph {
    std::vector<Descriptor> parts;
    Descriptor whole;
};
// Numbers of the tensors in a graph.
inline constexpr std::int64_t kXId = 1, kFilterId = 2, kYId = 3;
Graph graph_of(const Product& product, const Target& target);

// What cuDNN's heuristics offer for the graph, the best first, of what regkit may use.
struct Offer {
    std::vector<PlanName> names;
    int all = 0;               // of any kind
    int nondeterministic = 0;  // left out of `names`, as are:
    int without_tensor_cores = 0;
    int reduced_sums = 0;  // sums in less than fp32
};
Offer offer_of(const Graph& graph, const Target& target);

// An execution plan, and what it consists of.
struct BuiltPlan {
    std::vector<Descriptor> parts;
    Descriptor whole;

    std::int64_t workspace() const { return whole.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE); }
};
BuiltPlan build_plan(const Graph& graph, const PlanName& name, const Target& target);

}  // namespace regkit::cuda::cudnn
