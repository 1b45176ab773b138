// A head is a dense layer, logit = sum of weights * inputs + bias, without norm or ReLU behind it
// (nn/graph.cpp holds that), so slope and intercept go into a marker's row of weights and its bias. Where the
// layer shares its weights with another one, it gets a copy: the other's outputs must stay.
#include "app/model/calibrated.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/base/error.hpp"
#include "kernels/base/nth.hpp"

namespace regkit {
namespace {

using Knot = LogitMap::Knot;

// Between two knots on the line through them; beyond the first and the last as far off as there. `from` and
// `to` say which of a knot's values x is compared with.
double along(const std::vector<Knot>& knots, float Knot::*from, float Knot::*to, double x) {
    const auto at = [](const Knot& knot, float Knot::*which) { return static_cast<double>(knot.*which); };
    const auto beside = [&](const Knot& knot) { return x - at(knot, from) + at(knot, to); };
    if (knots.empty()) return x;
    const auto above = std::ranges::find_if(knots, [&](const Knot& knot) { return at(knot, from) > x; });
    if (above == knots.begin()) return beside(knots.front());
    if (above == knots.end()) return beside(knots.back());
    const Knot &a = *(above - 1), &b = *above;
    const double slope = (at(b, to) - at(a, to)) / (at(b, from) - at(a, from));
    return at(a, to) + (x - at(a, from)) * slope;
}

NamedTensor* find(Model& model, const std::string& name) {
    for (NamedTensor& tensor : model.tensors)
        if (tensor.name == name) return &tensor;
    return nullptr;
}

// Of the layer that gives the predictions, its own.
NamedTensor& tensor_of(Model& model, const std::string& layer, const char* what) {
    NamedTensor* const found = find(model, layer + what);
    require(
        found && !found->shape.empty() && found->shape[0] == static_cast<std::int64_t>(model.markers.size()),
        ErrorKind::input, "tensor '" + layer + what + "' does not have one row a marker");
    return *found;
}

void unshare(Model& model, LayerSpec& layer) {
    for (const char* what : {".weight", ".bias"}) {
        NamedTensor copy = tensor_of(model, layer.weights, what);
        copy.name = layer.name + what;
        model.tensors.push_back(std::move(copy));
    }
    layer.weights.clear();
}

}  // namespace

double apply(const LogitMap& map, double logit) {
    return along(map.knots, &Knot::from, &Knot::to,
                 static_cast<double>(map.slope) * logit + static_cast<double>(map.intercept));
}

double inverse(const LogitMap& map, double logit) {
    return (along(map.knots, &Knot::to, &Knot::from, logit) - static_cast<double>(map.intercept)) /
           static_cast<double>(map.slope);
}

double logit_of(double probability) {
    return std::log(probability) - std::log1p(-probability);
}

double probability_of(double logit) {
    return 1 / (1 + std::exp(-logit));
}

Model calibrated(Model model) {
    if (model.calls.empty()) return model;
    require(model.calls.size() == model.markers.size(), ErrorKind::input,
            "the calibration does not have one entry a marker");
    const std::string& head = model.spec.heads.back().from;
    const auto layer = std::ranges::find(model.spec.layers, head, &LayerSpec::name);
    require(layer != model.spec.layers.end(), ErrorKind::input, "there is no layer '" + head + "'");
    if (!layer->weights.empty()) unshare(model, *layer);
    NamedTensor &weight = tensor_of(model, head, ".weight"), &bias = tensor_of(model, head, ".bias");
    const std::size_t row = weight.values.size() / model.markers.size();
    for (std::size_t m = 0; m < model.calls.size(); ++m) {
        LogitMap& map = model.calls[m].probability;
        const double slope = map.slope, intercept = map.intercept;
        const auto scaled = [&](float value) {
            return static_cast<float>(static_cast<double>(value) * slope);
        };
        std::ranges::transform(std::span(weight.values).subspan(m * row, row),
                               weight.values.begin() + static_cast<std::ptrdiff_t>(m * row), scaled);
        bias.values[m] = static_cast<float>(static_cast<double>(bias.values[m]) * slope + intercept);
        map.slope = 1;
        map.intercept = 0;
    }
    return model;
}

KnotMaps::KnotMaps(std::span<const MarkerCalls> calls) {
    for (const MarkerCalls& marker : calls) {
        maps_.push_back({.knots = marker.probability.knots});
        any_ = any_ || !maps_.back().knots.empty();
    }
}

void KnotMaps::apply(int marker, std::span<float> probabilities) const {
    if (!any_ || nth(maps_, marker).knots.empty()) return;
    for (float& p : probabilities)
        p = static_cast<float>(
            probability_of(regkit::apply(nth(maps_, marker), logit_of(static_cast<double>(p)))));
}

void KnotMaps::apply_logits(int marker, std::span<float> logits) const {
    if (!any_ || nth(maps_, marker).knots.empty()) return;
    for (float& x : logits) x = static_cast<float>(regkit::apply(nth(maps_, marker), static_cast<double>(x)));
}

float KnotMaps::before(int marker, float probability) const {
    if (!any_ || nth(maps_, marker).knots.empty() || std::isinf(probability)) return probability;
    return static_cast<float>(
        probability_of(inverse(nth(maps_, marker), logit_of(static_cast<double>(probability)))));
}

}  // namespace regkit
