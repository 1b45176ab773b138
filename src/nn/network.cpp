// What of a Network is neither forward nor backward: making it, its weights and Adam's moments in and out by
// name, and the checks of a window. Tensors of a file are each taken exactly once and held against the
// layout; one that is missing, left over or of another shape means that the weights belong to another
// architecture.
#include "nn/network.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "kernels/base/error.hpp"
#include "nn/cost.hpp"
#include "nn/network_impl.hpp"

namespace regkit {
namespace {

// Appends the ranges of a flat array under `prefix` + their names.
void append(std::vector<NamedTensor>& to, const std::vector<ParameterInfo>& list, const std::string& prefix,
            std::span<const double> arena) {
    for (const ParameterInfo& info : list) {
        const auto part =
            arena.subspan(static_cast<std::size_t>(info.offset), static_cast<std::size_t>(info.count));
        NamedTensor tensor{prefix + info.name, info.shape, {}};
        tensor.values.reserve(part.size());
        for (const double value : part) tensor.values.push_back(static_cast<float>(value));
        to.push_back(std::move(tensor));
    }
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t n : shape) text += (text.empty() ? "" : ", ") + std::to_string(n);
    return "[" + text + "]";
}

// Tensors by name, each to be taken exactly once. Errors begin with `where`.
class TensorSet {
  public:
    explicit TensorSet(const std::vector<NamedTensor>& tensors, std::string where = "",
                       bool with_values = true)
        : where_(std::move(where)), with_values_(with_values) {
        for (const NamedTensor& tensor : tensors)
            if (!left_.emplace(tensor.name, &tensor).second)
                fail("tensor '" + tensor.name + "' stands twice");
    }
    const NamedTensor& take(const ParameterInfo& info, const std::string& prefix = "") {
        const auto found = left_.find(prefix + info.name);
        if (found == left_.end())
            fail("tensor '" + prefix + info.name +
                 "' is missing; the weights belong to another architecture");
        const NamedTensor& tensor = *found->second;
        if (tensor.shape != info.shape ||
            (with_values_ && static_cast<std::int64_t>(tensor.values.size()) != info.count))
            fail("tensor '" + tensor.name + "' has shape " + shape_text(tensor.shape) +
                 ", the architecture needs " + shape_text(info.shape));
        left_.erase(found);
        return tensor;
    }
    // Values of the whole list, in arena order.
    std::vector<float> values(const std::vector<ParameterInfo>& list, const std::string& prefix = "") {
        std::vector<float> arena;
        for (const ParameterInfo& info : list) {
            const NamedTensor& tensor = take(info, prefix);
            arena.insert(arena.end(), tensor.values.begin(), tensor.values.end());
        }
        return arena;
    }
    void finish() const {
        if (!left_.empty())
            fail("tensor '" + left_.begin()->first + "' belongs to no layer of the architecture");
    }

  private:
    [[noreturn]] void fail(const std::string& what) const { throw Error(ErrorKind::input, where_ + what); }

    std::string where_;
    bool with_values_;
    std::map<std::string, const NamedTensor*> left_;
};

// No training gives a negative variance; the square root of one would make every prediction NaN.
void require_variances(const NamedTensor& tensor, const std::string& source) {
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
        if (tensor.values[i] >= 0) continue;
        char value[32];
        std::snprintf(value, sizeof value, "%g", static_cast<double>(tensor.values[i]));
        throw Error(ErrorKind::input, source + ": tensor '" + tensor.name + "' holds " + value +
                                          " at element " + std::to_string(i) +
                                          "; a variance is not negative");
    }
}

ParameterInfo info_of(const FrozenParameter& frozen) {
    return {frozen.name, {frozen.to.count}, 0, frozen.to.count};
}

}  // namespace

void check_tensors(const Spec& spec, int markers, const std::vector<NamedTensor>& tensors, bool with_values,
                   const std::string& source) {
    require_affordable(spec, markers, source);
    const ParameterLayout layout(spec, resolve(spec, markers, source));
    TensorSet set(tensors, source + ": ", with_values);
    for (const ParameterInfo& info : layout.parameters()) set.take(info);
    for (const ParameterInfo& info : layout.statistics()) {
        const NamedTensor& tensor = set.take(info);
        if (info.name.ends_with(".running_var")) require_variances(tensor, source);
    }
    for (const FrozenParameter& frozen : layout.frozen()) set.take(info_of(frozen));
    set.finish();
}

bool StepResult::finite() const {
    return std::isfinite(loss) && std::isfinite(grad_norm);
}

Network::Impl::Impl(const Spec& s, int marker_count, Backend& b)
    : spec(s),
      markers(marker_count),
      backend(b),
      graph(resolve(spec, markers, spec.name)),
      layout(spec, graph),
      summary(summarise(spec, markers)),
      plan(make_plan(spec, graph, true)) {
    parameters = backend.alloc_flat(layout.parameter_count());
    if (layout.statistic_count() > 0) statistics = backend.alloc_flat(layout.statistic_count());
    const bool any = std::any_of(spec.layers.begin(), spec.layers.end(),
                                 [](const LayerSpec& l) { return l.type == LayerType::one_hot; });
    if (!any) return;
    one_hot = backend.alloc_flat(kSymbols * kBases);
    std::vector<float> table(kSymbols * kBases, 0.0f);  // N is zero
    for (int base = 0; base < kBases; ++base) table[static_cast<std::size_t>((base + 1) * kBases + base)] = 1;
    backend.write(one_hot.slice(), std::span<const float>(table));
}

void Network::Impl::check_window(const Codes& codes) const {
    require(codes.data && codes.batch >= 1 && codes.length >= 1, ErrorKind::usage, "network: no window");
    // Of every step: messages are made only where they are needed.
    if (graph.fixed_window && codes.length != spec.window)
        throw Error(ErrorKind::usage, "network: a window of " + std::to_string(codes.length) +
                                          " bases; the model reads windows of " +
                                          std::to_string(spec.window));
    if (codes.length % graph.stride != 0)
        throw Error(ErrorKind::usage, "network: a window of " + std::to_string(codes.length) +
                                          " bases is not a multiple of the stride " +
                                          std::to_string(graph.stride));
}

std::vector<double> Network::Impl::read(const Buffer& arena, std::int64_t count) const {
    std::vector<double> values(static_cast<std::size_t>(count));
    if (arena) backend.read(arena.slice(), std::span<double>(values));
    return values;
}

Network::Network(const Spec& spec, int markers, Backend& backend) {
    require(markers >= 1, ErrorKind::usage, "network: no markers");
    impl_ = std::make_unique<Impl>(spec, markers, backend);
    if (impl_->statistics)
        backend.write(impl_->statistics.slice(), std::span<const float>(impl_->layout.initial_statistics()));
}
Network::~Network() = default;
Network::Network(Network&&) noexcept = default;

const Spec& Network::spec() const {
    return impl_->spec;
}
int Network::markers() const {
    return impl_->markers;
}
const SpecSummary& Network::summary() const {
    return impl_->summary;
}
const std::vector<ParameterInfo>& Network::parameters() const {
    return impl_->layout.parameters();
}
const std::vector<ParameterInfo>& Network::statistics() const {
    return impl_->layout.statistics();
}

void Network::initialise(std::uint64_t seed, std::span<const double> prevalence) {
    Impl& n = *impl_;
    require(static_cast<int>(prevalence.size()) == n.markers, ErrorKind::usage,
            "initialise: as many prevalences as markers are needed");
    n.backend.write(n.parameters.slice(),
                    std::span<const float>(n.layout.initial_parameters(seed, prevalence)));
    if (n.statistics)
        n.backend.write(n.statistics.slice(), std::span<const float>(n.layout.initial_statistics()));
    n.inference.current = false;
}

std::vector<NamedTensor> Network::state() const {
    const Impl& n = *impl_;
    std::vector<NamedTensor> tensors;
    append(tensors, n.layout.parameters(), "", n.read(n.parameters, n.layout.parameter_count()));
    append(tensors, n.layout.statistics(), "", n.read(n.statistics, n.layout.statistic_count()));
    for (const FrozenParameter& frozen : n.layout.frozen())
        tensors.push_back(
            {frozen.name, {frozen.to.count}, std::vector<float>(static_cast<std::size_t>(frozen.to.count))});
    return tensors;
}

void Network::load(const std::vector<NamedTensor>& tensors) {
    Impl& n = *impl_;
    TensorSet set(tensors);
    std::vector<float> parameters = set.values(n.layout.parameters());
    const std::vector<float> statistics = set.values(n.layout.statistics());
    for (const FrozenParameter& frozen : n.layout.frozen()) {
        const std::vector<float>& values = set.take(info_of(frozen)).values;
        for (std::size_t i = 0; i < values.size(); ++i)
            parameters[static_cast<std::size_t>(frozen.to.offset) + i] += values[i];
    }
    set.finish();
    n.backend.write(n.parameters.slice(), std::span<const float>(parameters));
    if (n.statistics) n.backend.write(n.statistics.slice(), std::span<const float>(statistics));
    n.inference.current = false;
}

std::vector<NamedTensor> Network::optimiser_state() const {
    const Impl& n = *impl_;
    std::vector<NamedTensor> tensors;
    append(tensors, n.layout.parameters(), "adam.m.", n.read(n.adam_m, n.layout.parameter_count()));
    append(tensors, n.layout.parameters(), "adam.v.", n.read(n.adam_v, n.layout.parameter_count()));
    return tensors;
}

void Network::load_optimiser(const std::vector<NamedTensor>& tensors) {
    Impl& n = *impl_;
    n.need_optimiser();
    if (tensors.empty()) {
        n.backend.fill(n.adam_m.slice(), 0);
        n.backend.fill(n.adam_v.slice(), 0);
        return;
    }
    TensorSet set(tensors);
    const std::vector<float> m = set.values(n.layout.parameters(), "adam.m.");
    const std::vector<float> v = set.values(n.layout.parameters(), "adam.v.");
    set.finish();
    n.backend.write(n.adam_m.slice(), std::span<const float>(m));
    n.backend.write(n.adam_v.slice(), std::span<const float>(v));
}

StepResult Network::forward_backward(const Codes& codes, const Labels& labels, const TrainStep& how) {
    return impl_->forward_backward(codes, labels, how);
}

std::vector<NamedTensor> Network::gradients() const {
    const Impl& n = *impl_;
    std::vector<NamedTensor> tensors;
    append(tensors, n.layout.parameters(), "", n.read(n.gradients, n.layout.parameter_count()));
    return tensors;
}

void Network::apply_adam(const AdamStep& how) {
    impl_->apply_adam(how);
}

StepResult Network::train(const Codes& codes, const Labels& labels, const TrainStep& how,
                          const AdamStep& adam) {
    const StepResult result = impl_->forward_backward(codes, labels, how);
    if (result.finite()) impl_->apply_adam(adam);
    return result;
}

void Network::use_fused_tail(bool fused) {
    Impl& n = *impl_;
    n.plan = make_plan(n.spec, n.graph, fused);
    n.inference = {};
    n.training = {};
}

}  // namespace regkit
