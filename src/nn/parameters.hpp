// Where each layer's parameters and statistics lie in the two flat arrays, and what they start from. Internal
// to src/nn.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/nth.hpp"
#include "nn/graph.hpp"
#include "nn/layers/layer.hpp"
#include "nn/parameter_info.hpp"

namespace regkit {

// Of an LSTM, weight and bias are those of the input's projections, both directions one after the other, and
// weight_hh those of the recurrence. Layers that share weights have the same ranges.
struct LayerParameters {
    Range weight, weight_hh, bias, gamma, beta;  // of the parameters
    Range running_mean, running_var;             // of the statistics
};

// A parameter that PyTorch has and this does not: zero in files, not trained, not counted. What a file holds
// is added to another one: `to`, of the same size.
struct FrozenParameter {
    std::string name;
    Range to;
};

class ParameterLayout {
  public:
    ParameterLayout(const Spec& spec, const Graph& graph);

    const std::vector<ParameterInfo>& parameters() const { return parameters_; }
    const std::vector<ParameterInfo>& statistics() const { return statistics_; }
    const std::vector<FrozenParameter>& frozen() const { return frozen_; }
    std::span<const LayerParameters> layers() const { return layers_; }
    const LayerParameters& layer(int index) const { return nth(layers_, index); }
    std::int64_t parameter_count() const;
    std::int64_t statistic_count() const;

    // Fresh values, in arena order; see Network::initialise.
    std::vector<float> initial_parameters(std::uint64_t seed, std::span<const double> prevalence) const;
    std::vector<float> initial_statistics() const;

  private:
    struct Initial {
        double low, high;      // uniform in [low, high)
        double deviation = 0;  // above 0: normal instead, cut off at two deviations
    };
    Initial weights_of(std::int64_t inputs) const;
    Initial biases_of(std::int64_t inputs) const;
    void add_layer(const LayerSpec& layer, const Node& node);
    Initial start_of(const TensorSpec& tensor) const;
    void add_tensor(const LayerSpec& layer, const TensorSpec& tensor, LayerParameters& at);
    Range add_parameter(const std::string& name, std::vector<std::int64_t> shape, Initial initial);
    Range add_statistic(const std::string& name, std::int64_t channels);

    std::vector<ParameterInfo> parameters_, statistics_;
    std::vector<FrozenParameter> frozen_;
    std::vector<LayerParameters> layers_;
    std::vector<Initial> initial_;  // of each parameter
    std::vector<Range> ones_;       // values that start as 1 instead
    std::vector<Range> head_biases_;
    Task task_;
    Init init_;
};

// Where the parameters that inference uses lie: batch norm folded into the weights and bias of its layer.
// Layers that share weights have a copy each, since their norms differ.
struct InferenceLayout {
    std::vector<LayerParameters> layers;  // weight, weight_hh and bias
    std::int64_t count = 0;               // of all of them
};
InferenceLayout inference_layout(const ParameterLayout& layout);

// Computes them, in double precision, a piece at a time: most of a model's weights may be those of one layer.
// Gives the trained parameters from `offset` on, as many as there is room for; takes those of inference.
using ReadParameters = std::function<void(std::int64_t offset, std::span<double> values)>;
using WriteFolded = std::function<void(std::int64_t offset, std::span<const float> values)>;
void fold_norms(const Spec& spec, const Graph& graph, const ParameterLayout& layout,
                const ReadParameters& parameters, std::span<const double> statistics,
                const WriteFolded& write);

}  // namespace regkit
