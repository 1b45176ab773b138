// Walks the layers once and gives each tensor its name, shape and place in the flat array, and a rule for its
// first values. Those are drawn by a counter-based generator from (seed, parameter, element), so that they
// are the same on every platform; the head's bias starts from the marker's prevalence or mean coverage. At
// the end the folding of batch norm into weights and biases, for inference.
#include "nn/parameters.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/base/nth.hpp"
#include "kernels/dropout.hpp"
#include "nn/layers/kinds.hpp"

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

// What makes the output of a zero input the prevalence of a marker, or its mean coverage.
double output_bias(Task task, double prevalence) {
    if (task == Task::coverage) {  // the inverse of softplus, also where e^coverage overflows
        const double coverage = std::clamp(prevalence, 1e-6, 1e6);
        return coverage + std::log(-std::expm1(-coverage));
    }
    const double rate = std::clamp(prevalence, 1e-6, 1 - 1e-6);
    return std::log(rate / (1 - rate));
}

}  // namespace

ParameterLayout::ParameterLayout(const Spec& spec, const Graph& graph) : task_(spec.task), init_(spec.init) {
    for (std::size_t i = 0; i < spec.layers.size(); ++i) add_layer(spec.layers[i], graph.nodes[i]);
    for (const int head : graph.heads) head_biases_.push_back(layer(head).bias);
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

ParameterLayout::Initial ParameterLayout::weights_of(std::int64_t inputs) const {
    if (init_ == Init::paper) return {0, 0, 0.1};
    const double bound = std::sqrt((init_ == Init::he ? 6 : 1) / static_cast<double>(inputs));
    return {-bound, bound};
}

ParameterLayout::Initial ParameterLayout::biases_of(std::int64_t inputs) const {
    if (init_ == Init::paper) return {0.1, 0.1};
    return init_ == Init::he ? Initial{0, 0} : weights_of(inputs);
}

ParameterLayout::Initial ParameterLayout::start_of(const TensorSpec& tensor) const {
    switch (tensor.start) {
        case TensorSpec::Start::weights:
            return weights_of(tensor.inputs);
        case TensorSpec::Start::biases:
            return biases_of(tensor.inputs);
        case TensorSpec::Start::uniform:
            break;
    }
    return {tensor.low, tensor.high};
}

void ParameterLayout::add_tensor(const LayerSpec& layer, const TensorSpec& tensor, LayerParameters& at) {
    const Range range = add_parameter(layer.name + "." + tensor.name, tensor.shape, start_of(tensor));
    Range& role = tensor.role == TensorSpec::Role::weight      ? at.weight
                  : tensor.role == TensorSpec::Role::weight_hh ? at.weight_hh
                                                               : at.bias;
    if (role.count == 0) role.offset = range.offset;
    role.count += range.count;
    if (tensor.ones.count > 0) ones_.push_back({range.offset + tensor.ones.offset, tensor.ones.count});
    if (!tensor.frozen.empty()) frozen_.push_back({layer.name + "." + tensor.frozen, range});
}

void ParameterLayout::add_layer(const LayerSpec& layer, const Node& node) {
    LayerParameters at;
    const std::int64_t out = node.channels;
    if (node.weights != static_cast<int>(layers_.size())) {
        at = this->layer(node.weights);
        at.gamma = at.beta = at.running_mean = at.running_var = {};
    } else {
        for (const TensorSpec& tensor : kind_of(layer).tensors(layer, node)) add_tensor(layer, tensor, at);
    }
    if (layer.norm) {
        at.gamma = add_parameter(layer.name + ".norm.weight", {out}, {1, 1});
        at.beta = add_parameter(layer.name + ".norm.bias", {out}, {0, 0});
        at.running_mean = add_statistic(layer.name + ".norm.running_mean", out);
        at.running_var = add_statistic(layer.name + ".norm.running_var", out);
    }
    layers_.push_back(at);
}

// A standard normal value cut off at +-2, from the random words of draw(0), draw(1), ...: a uniform value is
// taken with the probability of its density. Unlike the logarithms of other ways this gives the same bits
// with every mathematical library.
template <typename Draw>
double cut_normal(const Draw& draw) {
    for (std::uint32_t attempt = 0;; ++attempt) {
        const PhiloxBlock block = draw(attempt);
        for (const int first : {0, 2}) {
            const double x = static_cast<double>(block.word[first] >> 8) * 0x1p-22 - 2;  // exact
            const double chance = (static_cast<double>(block.word[first + 1]) + 0.5) * 0x1p-32;
            if (chance < std::exp(-x * x / 2)) return x;
        }
    }
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
            const auto draw = [&](std::uint32_t attempt) {
                return philox4x32(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i >> 32),
                                  static_cast<std::uint32_t>(p), 0x696E6974u + attempt, k0, k1);
            };
            const Initial& range = initial_[p];
            if (range.deviation > 0) {
                values.push_back(static_cast<float>(range.deviation * cut_normal(draw)));
                continue;
            }
            const double uniform = static_cast<double>(draw(0).word[0] >> 8) * 0x1p-24;  // exact, in [0, 1)
            values.push_back(static_cast<float>(range.low + (range.high - range.low) * uniform));
        }
    }
    for (const Range ones : ones_) std::fill_n(values.begin() + ones.offset, ones.count, 1.0f);
    for (const Range bias : head_biases_)
        for (std::int64_t m = 0; m < bias.count; ++m)
            nth(values, bias.offset + m) = static_cast<float>(output_bias(task_, nth(prevalence, m)));
    return values;
}

std::vector<float> ParameterLayout::initial_statistics() const {
    std::vector<float> values(static_cast<std::size_t>(statistic_count()), 0.0f);
    for (const LayerParameters& at : layers_)
        std::fill_n(values.begin() + at.running_var.offset, at.running_var.count, 1.0f);
    return values;
}

// How many values of its weight lie side by side for one output channel: of [out][inputs] the inputs.
static std::int64_t values_together(const LayerSpec& layer, const Node& node) {
    const std::vector<TensorSpec> tensors = kind_of(layer).tensors(layer, node);
    std::int64_t count = 1;
    if (!tensors.empty())
        for (std::size_t d = tensors[0].channel_axis + 1; d < tensors[0].shape.size(); ++d)
            count *= tensors[0].shape[d];
    return count;
}

InferenceLayout inference_layout(const ParameterLayout& layout) {
    InferenceLayout all;
    const auto place = [&](Range from) {
        const Range to{all.count, from.count};
        all.count += from.count;
        return to;
    };
    for (const LayerParameters& at : layout.layers()) {
        LayerParameters ranges;
        ranges.weight = place(at.weight);
        ranges.weight_hh = place(at.weight_hh);
        ranges.bias = place(at.bias);
        all.layers.push_back(ranges);
    }
    return all;
}

namespace {

// Copies ranges a piece at a time, each value through a function of it and its number.
class Copier {
  public:
    Copier(const ReadParameters& read, const WriteFolded& write) : read_(read), write_(write) {}

    template <typename Map>
    void copy(Range from, Range to, const Map& map) {
        for (std::int64_t done = 0; done < from.count; done += kPiece) {
            const auto count = static_cast<std::size_t>(std::min(kPiece, from.count - done));
            values_.resize(count);
            folded_.resize(count);
            read_(from.offset + done, values_);
            for (std::size_t i = 0; i < count; ++i)
                folded_[i] = static_cast<float>(map(values_[i], done + static_cast<std::int64_t>(i)));
            write_(to.offset + done, folded_);
        }
    }
    std::vector<double> all_of(Range range) const {
        std::vector<double> values(static_cast<std::size_t>(range.count));
        if (range.count > 0) read_(range.offset, values);
        return values;
    }

  private:
    static constexpr std::int64_t kPiece = std::int64_t{1} << 18;
    const ReadParameters& read_;
    const WriteFolded& write_;
    std::vector<double> values_;
    std::vector<float> folded_;
};

}  // namespace

void fold_norms(const Spec& spec, const Graph& graph, const ParameterLayout& layout,
                const ReadParameters& parameters, std::span<const double> statistics,
                const WriteFolded& write) {
    const InferenceLayout places = inference_layout(layout);
    Copier copier(parameters, write);
    const auto as_it_is = [](double value, std::int64_t) { return value; };
    for (std::size_t index = 0; index < spec.layers.size(); ++index) {
        const LayerParameters &at = layout.layer(static_cast<int>(index)), &to = places.layers[index];
        copier.copy(at.weight_hh, to.weight_hh, as_it_is);
        if (!spec.layers[index].norm) {
            copier.copy(at.weight, to.weight, as_it_is);
            copier.copy(at.bias, to.bias, as_it_is);
            continue;
        }
        const std::int64_t channels = graph.nodes[index].channels;
        const auto mean = statistics.subspan(static_cast<std::size_t>(at.running_mean.offset));
        const auto variance = statistics.subspan(static_cast<std::size_t>(at.running_var.offset));
        const std::vector<double> beta = copier.all_of(at.beta);
        std::vector<double> scale = copier.all_of(at.gamma);
        for (std::size_t c = 0; c < scale.size(); ++c) scale[c] /= std::sqrt(variance[c] + spec.norm_eps);
        const std::int64_t together = values_together(spec.layers[index], graph.nodes[index]);
        copier.copy(at.weight, to.weight,
                    [&](double w, std::int64_t i) { return w * nth(scale, i / together % channels); });
        copier.copy(at.bias, to.bias, [&](double b, std::int64_t i) {
            const auto c = static_cast<std::size_t>(i);
            return (b - mean[c]) * scale[c] + beta[c];
        });
    }
}

}  // namespace regkit
