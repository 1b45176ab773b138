// Wraps cuDNN's descriptors in objects that free them, and builds three things of them: the graph of one
// convolution or of a gradient, the list of engine configurations that cuDNN offers for it, and a plan from
// an engine's name. Of the offers only those stay that give the same bits in every run, use tensor cores and
// add up in full precision; the others are counted by their fault.
#include "kernels/cuda/cudnn/graph.hpp"

#include <algorithm>
#include <utility>

namespace regkit::cuda::cudnn {

namespace {

Descriptor tensor(const Picture& picture, std::int64_t id) {
    constexpr std::int64_t kAlignment = 16;  // bytes; of device memory it is 256
    const cudnnDataType_t type = CUDNN_DATA_BFLOAT16;
    Descriptor t(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    t.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    t.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, picture.sizes.data());
    t.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, picture.strides.data());
    t.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
    t.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment);
    t.finalize();
    return t;
}

// Of the filter over the rows: no padding, no dilation.
Descriptor convolution(const ConvView& view) {
    const cudnnDataType_t sums = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    Descriptor c(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    c.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
    c.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &sums);
    c.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    c.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {0, 0});
    c.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {0, 0});
    c.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {view.stride, 1});
    c.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {1, 1});
    c.finalize();
    return c;
}

// What cuDNN calls the parts of an operation.
struct Names {
    cudnnBackendDescriptorType_t operation;
    cudnnBackendAttributeName_t convolution, x, filter, y, alpha, beta;
};

Names names_of(Direction direction) {
    switch (direction) {
        case Direction::forward:
            return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
        case Direction::grad_input:
            return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
        default:
            return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    }
}

Descriptor engine_of(const Descriptor& config) {
    auto engines = config.get_all(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    if (engines.empty()) throw CallFailed{CUDNN_STATUS_INTERNAL_ERROR, "a configuration without an engine"};
    return std::move(engines.front());
}

bool has_note(const std::vector<cudnnBackendNumericalNote_t>& notes, cudnnBackendNumericalNote_t note) {
    return std::ranges::find(notes, note) != notes.end();
}

std::vector<cudnnBackendNumericalNote_t> notes_of(const Descriptor& engine) {
    std::vector<cudnnBackendNumericalNote_t> notes(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
    const std::int64_t count = engine.get(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                          std::ssize(notes), notes.data());
    notes.resize(static_cast<std::size_t>(count));
    return notes;
}

PlanName name_of(const Descriptor& engine, const Descriptor& config) {
    PlanName name{engine.get(CUDNN_ATTR_ENGINE_GLOBAL_INDEX), {}};
    for (const Descriptor& knob :
         config.get_all(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR)) {
        cudnnBackendKnobType_t kind{};
        knob.get(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &kind);
        name.knobs.emplace_back(kind, knob.get(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE));
    }
    return name;
}

void add_offers(const Graph& graph, const Target& target, cudnnBackendHeurMode_t mode, Offer& offer) {
    Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.whole);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    if (target.properties) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.properties);
    heuristics.finalize();
    for (const Descriptor& config :
         heuristics.get_all(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)) {
        const Descriptor engine = engine_of(config);
        const auto notes = notes_of(engine);
        ++offer.all;
        if (has_note(notes, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC))
            ++offer.nondeterministic;
        else if (!has_note(notes, CUDNN_NUMERICAL_NOTE_TENSOR_CORE))
            ++offer.without_tensor_cores;
        else if (has_note(notes, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION))
            ++offer.reduced_sums;
        else
            offer.names.push_back(name_of(engine, config));
    }
}

}  // namespace

// ---- descriptors
Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
    require_success(library().create_descriptor(type, &raw_));
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
}

Descriptor::~Descriptor() {
    if (raw_) library().destroy_descriptor(raw_);
}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                     const void* values) {
    require_success(library().set_attribute(raw_, name, type, count, values));
}

void Descriptor::set(cudnnBackendAttributeName_t name, std::int64_t value) {
    set(name, CUDNN_TYPE_INT64, 1, &value);
}

void Descriptor::set(cudnnBackendAttributeName_t name, const std::vector<std::int64_t>& values) {
    set(name, CUDNN_TYPE_INT64, std::ssize(values), values.data());
}

void Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    const cudnnBackendDescriptor_t raw = value.raw();
    set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &raw);
}

void Descriptor::set_float(cudnnBackendAttributeName_t name, float value) {
    set(name, CUDNN_TYPE_FLOAT, 1, &value);
}

void Descriptor::finalize() {
    require_success(library().finalize(raw_));
}

std::int64_t Descriptor::get(cudnnBackendAttributeName_t name) const {
    std::int64_t value = 0;
    get(name, CUDNN_TYPE_INT64, 1, &value);
    return value;
}

std::int64_t Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                             std::int64_t room, void* values) const {
    std::int64_t count = 0;
    require_success(library().get_attribute(raw_, name, type, room, &count, values));
    return std::min(count, room);
}

std::vector<Descriptor> Descriptor::get_all(cudnnBackendAttributeName_t name,
                                            cudnnBackendDescriptorType_t type) const {
    std::int64_t count = 0;
    require_success(library().get_attribute(raw_, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr));
    std::vector<Descriptor> all;
    std::vector<cudnnBackendDescriptor_t> raw;
    for (std::int64_t i = 0; i < count; ++i) {
        all.emplace_back(type);
        raw.push_back(all.back().raw());
    }
    // cuDNN fills the descriptors that it is given.
    if (count > 0)
        all.resize(static_cast<std::size_t>(get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, raw.data())));
    return all;
}

Descriptor device_properties(const std::string& json) {
    Descriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    properties.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, std::ssize(json) + 1,
                   json.c_str());
    properties.finalize();
    return properties;
}

// ---- graphs and plans
Graph graph_of(const Product& product, const Target& target) {
    const Names names = names_of(product.direction);
    Graph graph;
    Descriptor operation(names.operation);
    const auto add = [&](cudnnBackendAttributeName_t name, Descriptor part) {
        operation.set(name, part);
        graph.parts.push_back(std::move(part));
    };
    add(names.convolution, convolution(product.view));
    add(names.x, tensor(input_picture(product.view), kXId));
    add(names.filter, tensor(filter_picture(product.view), kFilterId));
    add(names.y, tensor(output_picture(product.view), kYId));
    operation.set_float(names.alpha, 1);
    operation.set_float(names.beta, 0);
    operation.finalize();
    graph.whole = Descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.whole.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
    if (target.handle)
        graph.whole.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &target.handle);
    graph.whole.finalize();
    graph.parts.push_back(std::move(operation));
    return graph;
}

Offer offer_of(const Graph& graph, const Target& target) {
    Offer offer;
    add_offers(graph, target, CUDNN_HEUR_MODE_A, offer);
    add_offers(graph, target, CUDNN_HEUR_MODE_FALLBACK, offer);  // of other engines, often the only others
    return offer;
}

BuiltPlan build_plan(const Graph& graph, const PlanName& name, const Target& target) {
    BuiltPlan plan;
    Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR), config(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph.whole);
    engine.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, name.engine);
    if (target.properties) engine.set(CUDNN_ATTR_ENGINE_DEVICEPROP, *target.properties);
    engine.finalize();
    config.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
    std::vector<cudnnBackendDescriptor_t> knobs;
    for (const auto& [kind, value] : name.knobs) {
        const auto type = static_cast<cudnnBackendKnobType_t>(kind);
        Descriptor knob(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
        knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &type);
        knob.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, value);
        knob.finalize();
        knobs.push_back(knob.raw());
        plan.parts.push_back(std::move(knob));
    }
    if (!knobs.empty())
        config.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR, std::ssize(knobs),
                   knobs.data());
    config.finalize();
    plan.whole = Descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    if (target.handle) plan.whole.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &target.handle);
    if (target.properties) plan.whole.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target.properties);
    plan.whole.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    plan.whole.finalize();
    plan.parts.push_back(std::move(engine));
    plan.parts.push_back(std::move(config));
    return plan;
}

}  // namespace regkit::cuda::cudnn
