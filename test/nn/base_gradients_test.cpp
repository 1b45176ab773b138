// Gradients with respect to the bases: against finite differences in double precision, against those of
// training, and from back end to back end. network_torch.py holds them against PyTorch.
#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/base/error.hpp"
#include "support.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr int kMarkers = 3;
constexpr int kBases = 4;

std::vector<float> random_weights(std::size_t count, std::uint64_t seed) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(next_random(seed) % 2001) / 1000.0f - 1;
    return values;
}

std::vector<float> gradients_of(Network& network, const Windows& w, const std::vector<float>& d_logits) {
    std::vector<float> out(static_cast<std::size_t>(w.batch * kBases * w.length), NAN);
    network.base_gradients(w.view(), d_logits, out);
    return out;
}

// The table of a one_hot cannot be moved, that of an embedding that does the same can.
Spec with_embedding(Spec spec) {
    for (LayerSpec& layer : spec.layers)
        if (layer.type == LayerType::one_hot) {
            layer.type = LayerType::embedding;
            layer.filters = kBases;
        }
    return spec;
}

bool flattens_bases(const Spec& spec) {
    return std::any_of(spec.layers.begin(), spec.layers.end(), [&](const LayerSpec& layer) {
        return layer.flatten && spec.layers[0].type == LayerType::one_hot &&
               layer.from[0] == spec.layers[0].name;
    });
}

bool has_pool(const Spec& spec) {
    return std::any_of(spec.layers.begin(), spec.layers.end(),
                       [](const LayerSpec& layer) { return layer.type == LayerType::pool; });
}

// Of the last head alone: the others weigh nothing.
Spec with_last_head(Spec spec) {
    for (std::size_t i = 0; i + 1 < spec.heads.size(); ++i) spec.heads[i].weight = 1e-30;
    return spec;
}

// d loss / d logit of every logit, as the tail has it (pos_weight 1).
std::vector<float> loss_gradients(const Spec& spec, const Windows& w, const std::vector<float>& logits) {
    std::vector<float> labels(logits.size(), 0.0f), d(logits.size());
    for (std::int64_t s = 0; s < w.batch; ++s)
        for (std::int64_t r = w.offsets[static_cast<std::size_t>(s)];
             r < w.offsets[static_cast<std::size_t>(s) + 1]; ++r) {
            const LabelRun& run = w.runs[static_cast<std::size_t>(r)];
            for (std::int64_t p = run.begin; p < run.end; ++p)
                labels[static_cast<std::size_t>((s * kMarkers + run.marker) * w.positions + p)] =
                    spec.task == Task::coverage ? run.value : 1;
        }
    for (std::size_t i = 0; i < d.size(); ++i) {
        const double logit = static_cast<double>(logits[i]), label = static_cast<double>(labels[i]);
        const double sigmoid = 1 / (1 + std::exp(-logit));
        const double slope = spec.task == Task::coverage ? (1 - label / std::log1p(std::exp(logit))) * sigmoid
                                                         : sigmoid - label;
        d[i] = static_cast<float>(slope * spec.heads.back().weight / static_cast<double>(d.size()));
    }
    return d;
}

NamedTensor& table_of(std::vector<NamedTensor>& state, const Spec& spec) {
    return *std::find_if(state.begin(), state.end(), [&](const NamedTensor& tensor) {
        return tensor.name == spec.layers[0].name + ".weight";
    });
}

// With N at one position alone, moving N's row of the table by another base's row moves that position alone.
void check_finite_differences(const Spec& spec) {
    CAPTURE(spec.name);
    const auto reference = backend("reference");
    Network network(spec, kMarkers, *reference);
    randomise(network, 11);
    Windows w = windows_of(spec, 2, kMarkers, 5);
    for (std::uint8_t& code : w.codes) code = std::max<std::uint8_t>(code, 1);
    std::vector<NamedTensor> start = network.state();
    const std::size_t row = table_of(start, spec).values.size() / kSymbols;
    double worst = 0, largest_value = 0;
    for (std::int64_t at = 1; at < w.length; at += std::max<std::int64_t>(w.length / 5, 1)) {
        Windows with_n = w;
        with_n.codes[static_cast<std::size_t>(w.length + at)] = 0;
        network.load(start);
        const std::vector<float> logits = infer_all(network, with_n);
        const std::vector<float> gradients =
            gradients_of(network, with_n, loss_gradients(spec, with_n, logits));
        for (int base = 0; base < kBases; ++base) {
            const auto loss_at = [&](float step) {
                std::vector<NamedTensor> moved = start;
                std::vector<float>& table = table_of(moved, spec).values;
                for (std::size_t d = 0; d < row; ++d)
                    table[d] += step * table[static_cast<std::size_t>(base + 1) * row + d];
                network.load(moved);
                return network.forward_backward(with_n.view(), with_n.labels(), {1, 0, 1, 0}).loss;
            };
            const float step = 0x1p-10f;
            const double numeric = (loss_at(step) - loss_at(-step)) / (2 * static_cast<double>(step));
            const double found =
                static_cast<double>(gradients[static_cast<std::size_t>((kBases + base) * w.length + at)]);
            const double difference = std::fabs(numeric - found);
            if (!(difference <= worst)) worst = difference;
            largest_value = std::max(largest_value, std::fabs(found));
        }
    }
    CHECK(largest_value > 0);
    CHECK(worst <= 2e-4 * largest_value);
    MESSAGE(spec.name, ": largest difference from finite differences ", worst, " of ", largest_value);
}

}  // namespace

TEST_CASE("gradients of the bases agree with finite differences") {
    for (const Spec& spec : specs_of_every_kind())
        if (!flattens_bases(spec))
            check_finite_differences(with_last_head(with_embedding(without_norm(spec))));
}

// A linear model is its own gradient.
TEST_CASE("gradients of the bases of a dense layer over all bases are its weights") {
    for (const std::string& device : devices()) {
        const auto b = backend(device);
        Network network(linear_spec(), kMarkers, *b);
        randomise(network, 3);
        const Windows w = windows_of(linear_spec(), 2, kMarkers, 8);
        std::vector<float> d_logits(2 * kMarkers, 0.0f);
        d_logits[kMarkers + 1] = 2;  // marker 1 of the second window
        const std::vector<float> found = gradients_of(network, w, d_logits);
        const std::vector<float> weight = network.state()[0].values;
        const auto window = static_cast<std::size_t>(kBases * w.length);
        for (std::size_t i = 0; i < window; ++i) {
            CHECK(found[i] == 0);
            CHECK(std::fabs(found[window + i] - 2 * weight[window + i]) <= 1e-6f);
        }
    }
}

// Summed over the positions of a base, they are that base's row in the gradient that training gives the
// embedding, times the embedding. Without batch norm, whose statistics training takes from the batch.
TEST_CASE("gradients of the bases sum up to training's gradient of the embedding") {
    const Spec spec = without_norm(shared_spec());
    const Spec one = with_last_head(spec);
    const auto reference = backend("reference");
    Network network(one, kMarkers, *reference);
    randomise(network, 4);
    const Windows w = windows_of(one, 3, kMarkers, 9);
    const std::vector<float> bases = gradients_of(network, w, loss_gradients(one, w, infer_all(network, w)));
    network.forward_backward(w.view(), w.labels(), {1, 0, 1, 0});
    const std::vector<float> table = network.state()[0].values, d_table = network.gradients()[0].values;
    const std::size_t row = table.size() / kSymbols;
    for (std::uint8_t code = 0; code < kSymbols; ++code)
        for (std::size_t base = 0; base < kBases; ++base) {
            double sum = 0, expected = 0;
            for (std::size_t i = 0; i < w.codes.size(); ++i) {
                const std::size_t s = i / static_cast<std::size_t>(w.length),
                                  p = i % static_cast<std::size_t>(w.length);
                if (w.codes[i] == code)
                    sum += static_cast<double>(
                        bases[(s * kBases + base) * static_cast<std::size_t>(w.length) + p]);
            }
            for (std::size_t d = 0; d < row; ++d)
                expected += static_cast<double>(table[(base + 1) * row + d]) *
                            static_cast<double>(d_table[code * row + d]);
            CHECK(std::fabs(sum - expected) <= 1e-7 + 1e-5 * std::fabs(expected));
        }
}

// Without ReLU, whose kinks and those of many pools fall to one side or the other by rounding;
// network_torch.py takes weights that have none near.
TEST_CASE("gradients of the bases on the CPU agree with the reference") {
    const auto reference = backend("reference"), cpu = backend("cpu");
    std::vector<Spec> specs = specs_of_every_kind();
    for (Spec& spec : tiny_presets())
        if (!has_pool(spec)) specs.push_back(std::move(spec));
    for (Spec spec : specs) {
        CAPTURE(spec.name);
        for (LayerSpec& layer : spec.layers) layer.relu = false;
        const Windows w = windows_of(spec, 2, kMarkers, 12);
        const std::vector<float> d_logits =
            random_weights(static_cast<std::size_t>(w.batch * kMarkers * w.positions), 6);
        std::vector<float> expected;
        for (Backend* b : {reference.get(), cpu.get()}) {
            Network network(spec, kMarkers, *b);
            randomise(network, 7);
            const std::vector<float> found = gradients_of(network, w, d_logits);
            if (b == reference.get()) expected = found;
            CHECK(largest(found) > 0);
            CHECK(largest_difference(found, expected) <= 2e-5 * largest(expected));
            // Nothing is left over from a call before.
            CHECK(gradients_of(network, w, d_logits) == found);
        }
    }
}

TEST_CASE("gradients of the bases do not depend on the batch, and follow new weights") {
    const Spec spec = small_spec();
    const auto cpu = backend("cpu");
    Network network(spec, kMarkers, *cpu);
    randomise(network, 7);
    const Windows w = windows_of(spec, 3, kMarkers, 12);
    const std::vector<float> d_logits =
        random_weights(static_cast<std::size_t>(w.batch * kMarkers * w.positions), 6);
    const std::vector<float> all = gradients_of(network, w, d_logits);
    const auto one = static_cast<std::size_t>(kMarkers * w.positions),
               bases = static_cast<std::size_t>(kBases * w.length);
    std::vector<float> last(bases);
    network.base_gradients({w.codes.data() + 2 * w.length, 1, w.length}, std::span(d_logits).subspan(2 * one),
                           last);
    CHECK(std::equal(last.begin(), last.end(), all.begin() + static_cast<std::ptrdiff_t>(2 * bases)));
    const std::vector<float> before = infer_all(network, w);
    randomise(network, 8);
    CHECK(gradients_of(network, w, d_logits) != all);
    randomise(network, 7);
    CHECK(gradients_of(network, w, d_logits) == all);
    CHECK(infer_all(network, w) == before);
}

// Marker by marker what base_gradients gives; all the way at one end of the path what the look-up gives
// there.
TEST_CASE("gradients of the symbols are those of the bases, at both ends of a path") {
    const auto cpu = backend("cpu");
    for (const Spec& spec : specs_of_every_kind()) {
        CAPTURE(spec.name);
        Network network(spec, kMarkers, *cpu);
        randomise(network, 7);
        const Windows w = windows_of(spec, 2, kMarkers, 12), other = windows_of(spec, 2, kMarkers, 13);
        const auto outputs = static_cast<std::size_t>(w.batch * w.positions);
        const std::vector<float> weights = random_weights(outputs, 6);
        const std::vector<int> markers{2, 0};
        const auto one = static_cast<std::size_t>(w.batch * kSymbols * w.length);
        const auto symbols = [&](const Windows& at, const BetweenCodes* between) {
            std::vector<float> out(markers.size() * one, NAN);
            network.symbol_gradients(at.view(), between, weights, markers, out);
            return out;
        };
        const std::vector<float> found = symbols(w, nullptr);
        CHECK(largest(found) > 0);
        for (std::size_t i = 0; i < markers.size(); ++i) {
            std::vector<float> d_logits(outputs * kMarkers, 0.0f);
            const auto m = static_cast<std::int64_t>(markers[i]);
            for (std::int64_t s = 0; s < w.batch; ++s)
                std::copy_n(weights.begin() + s * w.positions, w.positions,
                            d_logits.begin() + (s * kMarkers + m) * w.positions);
            const std::vector<float> bases = gradients_of(network, w, d_logits);
            const auto length = static_cast<std::size_t>(w.length);
            for (std::size_t row = 0; row < static_cast<std::size_t>(w.batch) * kBases; ++row)
                CHECK(std::equal(
                    bases.begin() + static_cast<std::ptrdiff_t>(row * length),
                    bases.begin() + static_cast<std::ptrdiff_t>((row + 1) * length),
                    found.begin() + static_cast<std::ptrdiff_t>(
                                        i * one + (row / kBases * kSymbols + row % kBases + 1) * length)));
        }
        const std::vector<float> all{1, 1}, none{0, 0};
        const BetweenCodes here{other.codes, all}, there{other.codes, none};
        CHECK(largest_difference(symbols(w, &here), found) <= 2e-5 * largest(found));
        const std::vector<float> of_other = symbols(other, nullptr);
        CHECK(largest_difference(symbols(w, &there), of_other) <= 2e-5 * largest(of_other));
        CHECK(symbols(w, nullptr) == found);
    }
}

TEST_CASE("gradients of the bases check their sizes") {
    const auto cpu = backend("cpu");
    Network network(small_spec(), kMarkers, *cpu);
    randomise(network, 7);
    const Windows w = windows_of(small_spec(), 1, kMarkers, 12);
    std::vector<float> d_logits(static_cast<std::size_t>(kMarkers * w.positions)),
        out(static_cast<std::size_t>(kBases * w.length));
    CHECK_NOTHROW(network.base_gradients(w.view(), d_logits, out));
    d_logits.pop_back();
    CHECK_THROWS_AS(network.base_gradients(w.view(), d_logits, out), Error);
    d_logits.push_back(0);
    out.pop_back();
    CHECK_THROWS_AS(network.base_gradients(w.view(), d_logits, out), Error);
    const std::vector<float> weights(static_cast<std::size_t>(w.positions)), none;
    const std::vector<int> marker{1};
    std::vector<float> symbols(static_cast<std::size_t>(kSymbols * w.length));
    const BetweenCodes without{w.codes, none};
    CHECK_NOTHROW(network.symbol_gradients(w.view(), nullptr, weights, marker, symbols));
    CHECK_THROWS_AS(network.symbol_gradients(w.view(), &without, weights, marker, symbols), Error);
    symbols.pop_back();
    CHECK_THROWS_AS(network.symbol_gradients(w.view(), nullptr, weights, marker, symbols), Error);
}
