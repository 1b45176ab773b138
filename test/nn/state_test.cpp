// Names, initial values, loading.
#include <doctest/doctest.h>

#include "base/error.hpp"
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
    for (const auto& [tensor_id, low, high] : {std::tuple{"embed.weight", 0.0, 1.0},
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
