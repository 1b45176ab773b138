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
#include "kernels/base/nth.hpp"
#include "nn/cost.hpp"
#include "nn/network_impl.hpp"

namespace regkit {
namespace {

// Appends the ranges of a flat array under `prefix` + their names; zeros where there is no array.
void append(std::vector<NamedTensor>& to, const std::vector<ParameterInfo>& list, const std::string& prefix,
            const Buffer& arena, Backend& backend) {
    for (const ParameterInfo& info : list) {
        NamedTensor tensor{prefix + info.name, info.shape,
                           std::vector<float>(static_cast<std::size_t>(info.count))};
        if (arena) backend.read(arena.slice(info.offset, info.count), std::span<float>(tensor.values));
        to.push_back(std::move(tensor));
    }
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t n : shape) text += (text.empty() ? "" : ", ") + std::to_string(n);
    return "[" + text + "]";
}

// Numbers of tensors by name, each to be taken exactly once. Errors begin with `where`.
class TensorSet {
  public:
    explicit TensorSet(const std::vector<NamedTensor>& tensors, std::string where = "",
                       bool with_values = true)
        : tensors_(tensors), where_(std::move(where)), with_values_(with_values) {
        for (std::size_t i = 0; i < tensors.size(); ++i)
            if (!left_.emplace(tensors[i].name, i).second)
                fail("tensor '" + tensors[i].name + "' stands twice");
    }
    std::size_t take(const ParameterInfo& info, const std::string& prefix = "") {
        const auto found = left_.find(prefix + info.name);
        if (found == left_.end())
            fail("tensor '" + prefix + info.name +
                 "' is missing; the weights belong to another architecture");
        const std::size_t number = found->second;
        const NamedTensor& tensor = tensors_[number];
        if (tensor.shape != info.shape ||
            (with_values_ && static_cast<std::int64_t>(tensor.values.size()) != info.count))
            fail("tensor '" + tensor.name + "' has shape " + shape_text(tensor.shape) +
                 ", the architecture needs " + shape_text(info.shape));
        left_.erase(found);
        return number;
    }
    // Of the whole list, in its order.
    std::vector<std::size_t> take(const std::vector<ParameterInfo>& list, const std::string& prefix = "") {
        std::vector<std::size_t> numbers;
        for (const ParameterInfo& info : list) numbers.push_back(take(info, prefix));
        return numbers;
    }
    void finish() const {
        if (!left_.empty())
            fail("tensor '" + left_.begin()->first + "' belongs to no layer of the architecture");
    }

  private:
    [[noreturn]] void fail(const std::string& what) const { throw Error(ErrorKind::input, where_ + what); }

    const std::vector<NamedTensor>& tensors_;
    std::string where_;
    bool with_values_;
    std::map<std::string, std::size_t> left_;
};

// The tensors of these numbers to the places of the list, each gone once it is there: of large models there
// is no room for all of them twice.
void move_to(const Buffer& arena, const std::vector<ParameterInfo>& list,
             const std::vector<std::size_t>& numbers, std::vector<NamedTensor>& tensors, Backend& backend) {
    for (std::size_t i = 0; i < list.size(); ++i) {
        const std::vector<float> values = std::move(tensors[numbers[i]].values);
        backend.write(arena.slice(list[i].offset, list[i].count), std::span<const float>(values));
    }
}

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
        const std::size_t number = set.take(info);
        if (info.name.ends_with(".running_var")) require_variances(tensors[number], source);
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
    make_arenas();
    for (const LayerSpec& l : spec.layers) {
        const std::span<const float> values = kind_of(l).fixed_table();
        tables.emplace_back();
        if (values.empty()) continue;
        tables.back() = backend.alloc_flat(static_cast<std::int64_t>(values.size()));
        backend.write(tables.back().slice(), values);
    }
}

void Network::Impl::make_arenas() {
    if (!parameters) parameters = backend.alloc_flat(layout.parameter_count());
    if (!statistics && layout.statistic_count() > 0)
        statistics = backend.alloc_flat(layout.statistic_count());
}

void Network::Impl::require_trained() const {
    require(static_cast<bool>(parameters), ErrorKind::usage,
            "network: it only predicts, its trained weights are gone");
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
    n.make_arenas();
    n.backend.write(n.parameters.slice(),
                    std::span<const float>(n.layout.initial_parameters(seed, prevalence)));
    if (n.statistics)
        n.backend.write(n.statistics.slice(), std::span<const float>(n.layout.initial_statistics()));
    n.inference.current = false;
}

std::vector<NamedTensor> Network::state() const {
    const Impl& n = *impl_;
    n.require_trained();
    std::vector<NamedTensor> tensors;
    append(tensors, n.layout.parameters(), "", n.parameters, n.backend);
    append(tensors, n.layout.statistics(), "", n.statistics, n.backend);
    for (const FrozenParameter& frozen : n.layout.frozen())
        tensors.push_back(
            {frozen.name, {frozen.to.count}, std::vector<float>(static_cast<std::size_t>(frozen.to.count))});
    return tensors;
}

void Network::load(std::vector<NamedTensor> tensors) {
    Impl& n = *impl_;
    const std::vector<ParameterInfo>& list = n.layout.parameters();
    TensorSet set(tensors);
    const std::vector<std::size_t> parameters = set.take(list), statistics = set.take(n.layout.statistics());
    for (const FrozenParameter& frozen : n.layout.frozen()) {
        const std::vector<float>& values = tensors[set.take(info_of(frozen))].values;
        const auto to = std::find_if(list.begin(), list.end(), [&](const ParameterInfo& info) {
            return info.offset == frozen.to.offset;
        });
        std::vector<float>& sum = tensors[nth(parameters, to - list.begin())].values;
        for (std::size_t i = 0; i < values.size(); ++i) sum[i] += values[i];
    }
    set.finish();
    n.make_arenas();
    move_to(n.parameters, list, parameters, tensors, n.backend);
    move_to(n.statistics, n.layout.statistics(), statistics, tensors, n.backend);
    n.inference.current = false;
}

void Network::only_predict() {
    Impl& n = *impl_;
    n.refresh_inference();
    n.parameters = {};
    n.statistics = {};
}

std::vector<NamedTensor> Network::optimiser_state() const {
    const Impl& n = *impl_;
    std::vector<NamedTensor> tensors;
    append(tensors, n.layout.parameters(), "adam.m.", n.adam_m, n.backend);
    append(tensors, n.layout.parameters(), "adam.v.", n.adam_v, n.backend);
    return tensors;
}

void Network::load_optimiser(std::vector<NamedTensor> tensors) {
    Impl& n = *impl_;
    n.need_optimiser();
    if (tensors.empty()) {
        n.backend.fill(n.adam_m.slice(), 0);
        n.backend.fill(n.adam_v.slice(), 0);
        return;
    }
    TensorSet set(tensors);
    const std::vector<std::size_t> m = set.take(n.layout.parameters(), "adam.m."),
                                   v = set.take(n.layout.parameters(), "adam.v.");
    set.finish();
    move_to(n.adam_m, n.layout.parameters(), m, tensors, n.backend);
    move_to(n.adam_v, n.layout.parameters(), v, tensors, n.backend);
}

StepResult Network::forward_backward(const Codes& codes, const Labels& labels, const TrainStep& how) {
    impl_->require_trained();
    return impl_->forward_backward(codes, labels, how);
}

std::vector<NamedTensor> Network::gradients() const {
    const Impl& n = *impl_;
    std::vector<NamedTensor> tensors;
    append(tensors, n.layout.parameters(), "", n.gradients, n.backend);
    return tensors;
}

void Network::apply_adam(const AdamStep& how) {
    impl_->require_trained();
    impl_->apply_adam(how);
}

StepResult Network::train(const Codes& codes, const Labels& labels, const TrainStep& how,
                          const AdamStep& adam) {
    const StepResult result = forward_backward(codes, labels, how);
    if (result.finite()) impl_->apply_adam(adam);
    return result;
}

void Network::use_fused_tail(bool fused) {
    Impl& n = *impl_;
    n.plan = make_plan(n.spec, n.graph, fused);
    n.inference = {};
    n.training = {};
    n.base_gradients = {};
}

}  // namespace regkit
