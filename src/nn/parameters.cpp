#include "nn/parameters.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/dropout.hpp"

namespace regkit {

namespace {

std::int64_t total(const std::vector<ParameterInfo>& list) {
    return list.empty() ? 0 : list.back().offset + list.back().count;
}

ParameterInfo describe(const std::string& name, std::vector<std::int64_t> shape, std::int64_t offset) {
    std::int64_t count = 1;
    for (const std::int64_t n : shape) count *= n;
    return {name, std::move(shape), offset, count};
}

}  // namespace

ParameterLayout::ParameterLayout(const Spec& spec, const Graph& graph) : head_(graph.head) {
    for (std::size_t i = 0; i < spec.layers.size(); ++i) add_layer(spec.layers[i], graph.nodes[i]);
}

std::int64_t ParameterLayout::parameter_count() const {
    return total(parameters_);
}
std::int64_t ParameterLayout::statistic_count() const {
    return total(statistics_);
}

Range ParameterLayout::add_parameter(const std::string& name, std::vector<std::int64_t> shape,
                                     Initial initial) {
    parameters_.push_back(describe(name, std::move(shape), parameter_count()));
    initial_.push_back(initial);
    return {parameters_.back().offset, parameters_.back().count};
}

Range ParameterLayout::add_statistic(const std::string& name, std::int64_t channels) {
    statistics_.push_back(describe(name, {channels}, statistic_count()));
    return {statistics_.back().offset, statistics_.back().count};
}

void ParameterLayout::add_layer(const LayerSpec& layer, const Node& node) {
    LayerParameters at;
    const std::int64_t in = node.channels_in, out = node.channels;
    const std::string weight = layer.name + ".weight";
    // One output is a sum over `in * width` inputs. An up-convolution's is over `in`, whatever its stride.
    const double bound =
        1 / std::sqrt(static_cast<double>(in * (layer.type == LayerType::conv ? layer.width : 1)));
    const Initial uniform{-bound, bound};
    switch (layer.type) {
        case LayerType::embedding:
            at.weight = add_parameter(weight, {in, out}, {0, 1});
            break;
        case LayerType::conv:
            at.weight = add_parameter(weight, {out, in, layer.width}, uniform);
            break;
        case LayerType::up_conv:
            at.weight = add_parameter(weight, {in, out, layer.stride}, uniform);
            break;
        case LayerType::dense:
            at.weight = add_parameter(weight, {out, in}, uniform);
            break;
        case LayerType::pool:
        case LayerType::one_hot:
        case LayerType::lstm:
        case LayerType::add:
        case LayerType::concat:
            break;
    }
    if (at.weight.count > 0 && layer.type != LayerType::embedding)
        at.bias = add_parameter(layer.name + ".bias", {out}, uniform);
    if (layer.norm) {
        at.gamma = add_parameter(layer.name + ".norm.weight", {out}, {1, 1});
        at.beta = add_parameter(layer.name + ".norm.bias", {out}, {0, 0});
        at.running_mean = add_statistic(layer.name + ".norm.running_mean", out);
        at.running_var = add_statistic(layer.name + ".norm.running_var", out);
    }
    layers_.push_back(at);
}

// Element i of parameter number p is a pure function of (seed, p, i): the same on every platform and back
// end.
std::vector<float> ParameterLayout::initial_parameters(std::uint64_t seed,
                                                       std::span<const double> prevalence) const {
    std::vector<float> values;
    values.reserve(static_cast<std::size_t>(parameter_count()));
    const auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
    for (std::size_t p = 0; p < parameters_.size(); ++p) {
        for (std::int64_t i = 0; i < parameters_[p].count; ++i) {
            const PhiloxBlock block =
                philox4x32(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i >> 32),
                           static_cast<std::uint32_t>(p), 0x696E6974u, k0, k1);
            const double uniform = static_cast<double>(block.word[0] >> 8) * 0x1p-24;  // exact, in [0, 1)
            const Initial& range = initial_[p];
            values.push_back(static_cast<float>(range.low + (range.high - range.low) * uniform));
        }
    }
    const Range bias = layer(head_).bias;
    for (std::int64_t m = 0; m < bias.count; ++m) {
        const double rate = std::clamp(prevalence[static_cast<std::size_t>(m)], 1e-6, 1 - 1e-6);
        values[static_cast<std::size_t>(bias.offset + m)] = static_cast<float>(std::log(rate / (1 - rate)));
    }
    return values;
}

std::vector<float> ParameterLayout::initial_statistics() const {
    std::vector<float> values(static_cast<std::size_t>(statistic_count()), 0.0f);
    for (const LayerParameters& at : layers_)
        std::fill_n(values.begin() + at.running_var.offset, at.running_var.count, 1.0f);
    return values;
}

std::vector<float> fold_norms(const Spec& spec, const Graph& graph, const ParameterLayout& layout,
                              std::span<const double> parameters, std::span<const double> statistics) {
    std::vector<float> folded(parameters.begin(), parameters.end());
    const auto value = [](std::span<const double> from, Range range, std::int64_t i) {
        return from[static_cast<std::size_t>(range.offset + i)];
    };
    for (std::size_t index = 0; index < spec.layers.size(); ++index) {
        if (!spec.layers[index].norm) continue;
        const LayerParameters& at = layout.layer(static_cast<int>(index));
        const std::int64_t channels = graph.nodes[index].channels;
        std::vector<double> scale(static_cast<std::size_t>(channels));
        for (std::int64_t c = 0; c < channels; ++c) {
            const double s = value(parameters, at.gamma, c) /
                             std::sqrt(value(statistics, at.running_var, c) + spec.norm_eps);
            scale[static_cast<std::size_t>(c)] = s;
            folded[static_cast<std::size_t>(at.bias.offset + c)] = static_cast<float>(
                (value(parameters, at.bias, c) - value(statistics, at.running_mean, c)) * s +
                value(parameters, at.beta, c));
        }
        // Weights of one output channel: a row of [out][in * width], or the strided block of
        // [in][out][stride].
        const bool up = spec.layers[index].type == LayerType::up_conv;
        const std::int64_t inner = up ? spec.layers[index].stride : at.weight.count / channels;
        for (std::int64_t i = 0; i < at.weight.count; ++i)
            folded[static_cast<std::size_t>(at.weight.offset + i)] = static_cast<float>(
                value(parameters, at.weight, i) * scale[static_cast<std::size_t>(i / inner % channels)]);
    }
    return folded;
}

}  // namespace regkit
