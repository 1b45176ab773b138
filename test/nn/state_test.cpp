// Names, initial values, loading.
#include <doctest/doctest.h>

#include <bit>

#include "kernels/base/error.hpp"
#include "support.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

const NamedTensor& named(const std::vector<NamedTensor>& tensors, const std::string& name) {
    for (const NamedTensor& tensor : tensors)
        if (tensor.name == name) return tensor;
    FAIL("no tensor ", name);
    return tensors.front();
}

std::string refused(Network& network, const std::vector<NamedTensor>& tensors) {
    try {
        network.load(tensors);
    } catch (const Error& e) {
        CHECK(e.kind() == ErrorKind::input);
        return e.what();
    }
    return "";
}

}  // namespace

TEST_CASE("tensors have the names and shapes of PyTorch's modules") {
    const auto b = backend("reference");
    Network network(preset("dilated"), 7, *b);
    network.initialise(1, std::vector<double>(7, 0.01));
    const std::vector<NamedTensor> state = network.state();
    using Shape64 = std::vector<std::int64_t>;
    CHECK(named(state, "embed.weight").shape == Shape64{5, 4});
    CHECK(named(state, "conv1.weight").shape == Shape64{128, 4, 10});
    CHECK(named(state, "conv1.bias").shape == Shape64{128});
    CHECK(named(state, "conv1.norm.weight").shape == Shape64{128});
    CHECK(named(state, "conv1.norm.running_var").shape == Shape64{128});
    CHECK(named(state, "conv3.weight").shape == Shape64{50, 240, 10});
    CHECK(named(state, "up.weight").shape == Shape64{50, 50, 10});
    CHECK(named(state, "up.norm.bias").shape == Shape64{50});
    CHECK(named(state, "dense1.weight").shape == Shape64{125, 50});
    CHECK(named(state, "dense2.bias").shape == Shape64{7});
    CHECK(state.size() == network.parameters().size() + network.statistics().size());
}

TEST_CASE("initial weights: uniform in their bounds, the same for a seed, other for another") {
    const auto b = backend("reference");
    Network network(preset("cnn3"), 2, *b);
    network.initialise(42, std::vector<double>{0.01, 0.0});
    const std::vector<NamedTensor> state = network.state();
    for (const auto& [tensor_id, low, high] :
         {std::tuple{"embed.weight", 0.0, 1.0},
          {"conv2.weight", -1 / std::sqrt(1280.0), 1 / std::sqrt(1280.0)},
          {"up.weight", -1 / std::sqrt(120.0), 1 / std::sqrt(120.0)},
          {"dense1.bias", -1 / std::sqrt(50.0), 1 / std::sqrt(50.0)}}) {
        const std::string tensor_name = tensor_id;
        INFO(tensor_name);
        double sum = 0, smallest = 1e9, largest = -1e9;
        const NamedTensor& tensor = named(state, tensor_name);
        for (const float value : tensor.values) {
            sum += static_cast<double>(value);
            smallest = std::min(smallest, static_cast<double>(value));
            largest = std::max(largest, static_cast<double>(value));
        }
        const double n = static_cast<double>(tensor.values.size());
        CHECK(smallest >= low);
        CHECK(largest <= high);
        CHECK(largest - smallest > 0.7 * (high - low));
        CHECK(std::fabs(sum / n - (low + high) / 2) <= 5 * (high - low) / std::sqrt(12 * n));
    }
    CHECK(std::fabs(static_cast<double>(named(state, "dense2.bias").values[0]) - std::log(0.01 / 0.99)) <=
          1e-6);
    CHECK(std::fabs(static_cast<double>(named(state, "dense2.bias").values[1]) - std::log(1e-6)) <= 1e-5);
    CHECK(named(state, "conv1.norm.weight").values[5] == 1.0f);
    CHECK(named(state, "conv1.norm.running_mean").values[5] == 0.0f);
    CHECK(named(state, "conv1.norm.running_var").values[5] == 1.0f);

    Network again(preset("cnn3"), 2, *b), other(preset("cnn3"), 2, *b);
    again.initialise(42, std::vector<double>{0.01, 0.0});
    other.initialise(43, std::vector<double>{0.01, 0.0});
    CHECK(named(again.state(), "conv2.weight").values == named(state, "conv2.weight").values);
    CHECK(named(other.state(), "conv2.weight").values != named(state, "conv2.weight").values);
    // These values are part of what a seed means: they must not change from release to release.
    CHECK(named(state, "embed.weight").values[0] == 5007384 * 0x1p-24f);
}

TEST_CASE("initial weights of he and paper have their variances, bounds and biases") {
    const auto b = backend("reference");
    struct Expected {
        Init init;
        const char* tensor;
        double bound, variance;
    };
    // A normal value cut off at 2 deviations has 1 - 2 * 2 phi(2) / (2 Phi(2) - 1) = 0.77374 of the variance.
    const double cut = 0.01 * 0.7737413;
    for (const Expected& e : {Expected{Init::he, "conv2.weight", std::sqrt(6 / 1280.0), 2 / 1280.0},
                              {Init::he, "up.weight", std::sqrt(6 / 120.0), 2 / 120.0},
                              {Init::he, "dense1.weight", std::sqrt(6 / 50.0), 2 / 50.0},
                              {Init::he, "dense1.bias", 0, 0},
                              {Init::he, "dense2.weight", std::sqrt(6 / 125.0), 2 / 125.0},
                              {Init::paper, "conv2.weight", 0.2, cut},
                              {Init::paper, "up.weight", 0.2, cut},
                              {Init::paper, "dense1.weight", 0.2, cut},
                              {Init::paper, "dense2.weight", 0.2, cut}}) {
        CAPTURE(to_string(e.init));
        CAPTURE(e.tensor);
        Spec spec = preset("cnn3");
        spec.init = e.init;
        Network network(spec, 40, *b);
        network.initialise(42, std::vector<double>(40, 0.01));
        const std::vector<NamedTensor> state = network.state();
        const std::vector<float>& values = named(state, e.tensor).values;
        const auto n = static_cast<double>(values.size());
        double sum = 0, squares = 0, largest = 0;
        for (const float value : values) {
            const auto v = static_cast<double>(value);
            sum += v;
            squares += v * v;
            largest = std::max(largest, std::fabs(v));
        }
        CHECK(largest <= e.bound);
        CHECK(largest >= 0.97 * e.bound);
        CHECK(std::fabs(sum / n) <= 5 * std::sqrt(e.variance / n));
        CHECK(std::fabs(squares / n - e.variance) <= 5 * e.variance * std::sqrt(2 / n));
        const float bias = named(state, "conv1.bias").values[3];
        CHECK(bias == (e.init == Init::he ? 0.0f : 0.1f));
        CHECK(named(state, "dense1.bias").values[7] == bias);
        CHECK(std::fabs(static_cast<double>(named(state, "dense2.bias").values[1]) - std::log(0.01 / 0.99)) <=
              1e-6);
        CHECK(named(state, "embed.weight").values[0] == 5007384 * 0x1p-24f);  // as ever
    }
}

namespace {

// FNV-1a over the bytes of all values.
std::uint64_t digest(const std::vector<NamedTensor>& state) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const NamedTensor& tensor : state)
        for (const float value : tensor.values) {
            std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
            for (int byte = 0; byte < 4; ++byte, bits >>= 8) hash = (hash ^ (bits & 0xFF)) * 0x100000001b3u;
        }
    return hash;
}

}  // namespace

TEST_CASE("the presets' initial tensors stay as they are, to the bit, from release to release") {
    struct Expected {
        const char* name;
        std::uint64_t digest;
    };
    // With two markers, and windows of 600 bases where the window decides about the number of parameters.
    const Expected kExpected[] = {
        {"lr", 0x514079a06eaa7847},
        {"mlp", 0xcc40758ba682bcb9},
        {"deepsea", 0x43908312ae430ccf},
        {"danq", 0x7b31a575a2922721},
        {"dilated3", 0xbc45665b0f5872b9},
        {"dilated6", 0x692fa9ff2e7b6a31},
        {"dilated6-bn", 0x8c4e38602f79fd41},
        {"cnn1", 0xb8f406c39bb52cfb},
        {"cnn3", 0x5493b8ce28b2ae6b},
        {"cnn3-unstrided", 0x7fe0a8f5c0610022},
        {"cnn7", 0x1d50708ab647c128},
        {"dilated", 0x810054c983217435},
        {"dilated-pool", 0x810054c983217435},
        {"dilated-dilpool", 0x810054c983217435},
        {"id-cnn", 0x37dff32ba4b3a819},
        {"bi-lstm", 0xd63c071e779844bf},
        {"basset", 0x8fa47356693cad1b},
        {"cnn-rnn", 0xfd6127e6f91aa371},
        {"dilated-residual", 0xc65d1ef0291f2d55},
        {"basenji", 0xafb5019f8f2026da},
    };
    const auto b = backend("reference");
    // deep-dilated has another init than it had, strided-residual came later.
    REQUIRE(preset_names().size() == std::size(kExpected) + 2);
    for (const Expected& e : kExpected) {
        CAPTURE(e.name);
        CHECK(preset(e.name).init == Init::torch);
        Spec spec = preset(e.name);
        if (summarise(spec, 2).fixed_window) spec = with_window(spec, 600, e.name);
        Network network(spec, 2, *b);
        network.initialise(1, std::vector<double>{0.01, 0.3});
        CHECK(digest(network.state()) == e.digest);
    }
}

TEST_CASE("state and optimiser go through load unchanged; foreign tensors are refused by name") {
    const auto b = backend("reference");
    Network network(small_spec(), 3, *b);
    randomise(network, 1);
    const Windows w = random_windows(2, 48, 3, 1);
    for (int step = 0; step < 3; ++step) network.train(w.view(), w.labels(), {}, {});
    network.load(network.state());  // rounds what the reference holds in double precision
    network.load_optimiser(network.optimiser_state());
    Network copy(small_spec(), 3, *b);
    copy.load(network.state());
    copy.load_optimiser(network.optimiser_state());
    CHECK(infer_all(copy, w) == infer_all(network, w));
    network.train(w.view(), w.labels(), {1, 9, 1, 1}, {});
    copy.train(w.view(), w.labels(), {1, 9, 1, 1}, {});
    for (std::size_t i = 0; i < network.state().size(); ++i)
        CHECK(network.state()[i].values == copy.state()[i].values);
    copy.load_optimiser({});
    for (const NamedTensor& tensor : copy.optimiser_state())
        for (const float value : tensor.values) REQUIRE(value == 0.0f);

    std::vector<NamedTensor> bad = network.state();
    bad[3].name = "conv1.nrom.weight";
    CHECK(refused(network, bad).find("conv1.norm.weight") != std::string::npos);
    bad = network.state();
    bad.pop_back();
    CHECK(refused(network, bad).find("is missing") != std::string::npos);
    bad = network.state();
    bad.push_back({"extra", {1}, {0}});
    CHECK(refused(network, bad).find("'extra'") != std::string::npos);
    bad = network.state();
    bad.push_back(bad[0]);
    CHECK(refused(network, bad).find("twice") != std::string::npos);
    bad = network.state();
    std::swap(bad[1].shape[0], bad[1].shape[2]);
    CHECK(refused(network, bad).find("the architecture needs [6, 3, 5]") != std::string::npos);
    bad = network.state();
    bad[1].values.pop_back();
    CHECK(refused(network, bad) != "");
}

TEST_CASE("windows and ranges that do not fit are refused") {
    const auto b = backend("reference");
    Network network(small_spec(), 3, *b);
    randomise(network, 1);
    const Windows w = random_windows(1, 48, 3, 1);
    std::vector<float> out(3 * 48);
    CHECK_THROWS_AS(network.infer({w.codes.data(), 1, 46}, 0, 44, TailOutput::logits, out), Error);
    CHECK_THROWS_AS(network.infer(w.view(), 2, 48, TailOutput::logits, out), Error);
    CHECK_THROWS_AS(network.infer(w.view(), 0, 52, TailOutput::logits, out), Error);
    CHECK_THROWS_AS(network.infer(w.view(), 0, 44, TailOutput::logits, out), Error);
    CHECK_THROWS_AS(network.initialise(1, std::vector<double>(2, 0.1)), Error);
    CHECK_THROWS_AS(Network(small_spec(), 0, *b), Error);
    Network fresh(small_spec(), 3, *b);
    CHECK_THROWS_AS(fresh.apply_adam({}), Error);
}

TEST_CASE("a network that only predicts: the same bytes, nothing else, until weights are loaded") {
    for (const char* name : {"reference", "cpu"}) {
        CAPTURE(name);
        const auto b = backend(name);
        Network network(small_spec(), 3, *b);
        randomise(network, 1);
        network.load(network.state());  // rounds what the reference holds in double precision
        const std::vector<NamedTensor> state = network.state();
        const Windows w = random_windows(2, 48, 3, 1);
        const std::vector<float> expected = infer_all(network, w);
        const StepResult step = network.forward_backward(w.view(), w.labels(), {});
        network.load(state);
        network.only_predict();
        network.only_predict();
        CHECK(infer_all(network, w) == expected);
        CHECK_THROWS_AS(network.state(), Error);
        CHECK_THROWS_AS(network.forward_backward(w.view(), w.labels(), {}), Error);
        CHECK_THROWS_AS(network.train(w.view(), w.labels(), {}, {}), Error);
        CHECK_THROWS_AS(network.apply_adam({}), Error);
        CHECK(infer_all(network, w) == expected);
        network.load(state);
        CHECK(flat(network.state()) == flat(state));
        CHECK(infer_all(network, w) == expected);
        CHECK(network.forward_backward(w.view(), w.labels(), {}).loss == step.loss);
        network.load(state);
        network.only_predict();
        randomise(network, 1);
        CHECK(infer_all(network, w) == expected);
    }
}

// Most of a model's weights may be one layer's.
TEST_CASE("weights are folded in pieces that need not be whole rows") {
    const Spec wide = parse_spec(R"({"name": "wide", "window": 1000, "norm_eps": 0.001, "layers": [
        {"name": "e", "type": "one_hot"}, {"name": "c", "type": "conv", "filters": 700, "width": 201, "norm": true},
        {"name": "d", "type": "conv", "filters": 600, "width": 1, "norm": true, "relu": true},
        {"name": "out", "type": "dense"}]})",
                                 "wide");
    const auto b = backend("reference"), same = backend("reference");
    Network network(wide, 2, *b);
    randomise(network, 5);
    std::vector<NamedTensor> state = network.state();
    // Without norms, of weights that were folded here.
    std::vector<NamedTensor> plain;
    for (const char* const name : {"c", "d"}) {
        const std::string norm = std::string(name) + ".norm.";
        NamedTensor weight = named(state, std::string(name) + ".weight");
        NamedTensor bias = named(state, std::string(name) + ".bias");
        const std::size_t channels = bias.values.size(), row = weight.values.size() / channels;
        for (std::size_t c = 0; c < channels; ++c) {
            const auto value = [&](const char* what) -> double {
                return named(state, norm + what).values[c];
            };
            const double scale = value("weight") / std::sqrt(value("running_var") + 0.001);
            for (std::size_t i = c * row; i < (c + 1) * row; ++i)
                weight.values[i] = static_cast<float>(weight.values[i] * scale);
            bias.values[c] =
                static_cast<float>((bias.values[c] - value("running_mean")) * scale + value("bias"));
        }
        plain.push_back(weight);
        plain.push_back(bias);
    }
    plain.push_back(named(state, "out.weight"));
    plain.push_back(named(state, "out.bias"));
    Network folded(without_norm(wide), 2, *same);
    folded.load(plain);
    const Windows w = random_windows(1, 40, 2, 1);
    CHECK(infer_all(network, w) == infer_all(folded, w));
}
