#include "nn/network.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "kernels/base/error.hpp"
#include "kernels/cpu/cpu_backend.hpp"
#include "support.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

constexpr int kMarkers = 3;

double value_at(const std::vector<NamedTensor>& tensors, std::size_t tensor, std::size_t i) {
    return static_cast<double>(tensors[tensor].values[i]);
}

// Central differences of the loss along single parameters, in double precision, against gradients().
void check_gradients(const Spec& spec, bool fused, float dropout_scale) {
    const auto reference = backend("reference");
    Network network(spec, kMarkers, *reference);
    network.use_fused_tail(fused);
    randomise(network, 11);
    const Windows w = windows_of(spec, 3, kMarkers, 5);
    const TrainStep how{7, 3, 1.7f, dropout_scale};
    const std::vector<NamedTensor> start = network.state();
    const StepResult result = network.forward_backward(w.view(), w.labels(), how);
    CHECK(result.finite());
    const std::vector<NamedTensor> gradients = network.gradients();
    double squares = 0, worst = 0;
    for (const NamedTensor& g : gradients)
        for (const float v : g.values) squares += static_cast<double>(v) * static_cast<double>(v);
    CHECK(std::fabs(std::sqrt(squares) - result.grad_norm) <= 1e-6 * result.grad_norm);
    const auto loss_with = [&](std::size_t t, std::size_t i, float value) {
        std::vector<NamedTensor> moved = start;
        moved[t].values[i] = value;
        network.load(moved);
        return network.forward_backward(w.view(), w.labels(), how).loss;
    };
    for (std::size_t t = 0; t < gradients.size(); ++t) {
        REQUIRE(gradients[t].name == start[t].name);
        const std::size_t count = gradients[t].values.size(), step = std::max<std::size_t>(1, count / 12);
        for (std::size_t i = 0; i < count; i += step) {
            const float up = start[t].values[i] + 0x1p-17f, down = start[t].values[i] - 0x1p-17f;
            const double numeric = (loss_with(t, i, up) - loss_with(t, i, down)) /
                                   (static_cast<double>(up) - static_cast<double>(down));
            const double difference = std::fabs(numeric - value_at(gradients, t, i));
            CAPTURE(gradients[t].name);
            CAPTURE(i);
            CHECK(difference <= 1e-7 + 1e-5 * std::fabs(numeric));
            if (!(difference <= worst)) worst = difference;
        }
    }
    MESSAGE(spec.name, fused ? " fused" : " plain", ": largest difference from finite differences ", worst);
}

}  // namespace

TEST_CASE("gradients agree with finite differences through the whole network") {
    std::vector<Spec> specs = specs_of_every_kind();
    specs.push_back(without_norm(small_spec()));
    for (const Spec& spec : specs)
        for (const bool fused : {true, false}) check_gradients(spec, fused, 1);
    check_gradients(small_spec(), true, 0);
}

TEST_CASE("infer_runs gives the values of infer that are not below their marker's cutoff") {
    for (const std::string& device : devices()) {
        CAPTURE(device);
        const auto b = backend(device);
        for (const Spec& spec : specs_of_every_kind()) {
            CAPTURE(spec.name);
            Network network(spec, kMarkers, *b);
            randomise(network, 4);
            const Windows w = windows_of(spec, 3, kMarkers, 9);
            for (const TailOutput kind : {TailOutput::logits, TailOutput::probabilities}) {
                const std::vector<float> values = infer_all(network, w, kind);
                const auto positions = static_cast<std::size_t>(w.positions);
                std::vector<float> middles;
                for (std::size_t m = 0; m < kMarkers; ++m)
                    middles.push_back(values[m * positions + positions / 2]);
                for (const std::vector<float>& cutoffs :
                     {middles, std::vector<float>(kMarkers, kind == TailOutput::logits ? -1e9f : 1.0f)}) {
                    CalledRuns expected, got;
                    for (std::size_t r = 0; r < values.size() / positions; ++r)
                        expected.append_row(
                            static_cast<std::int32_t>(r / kMarkers), static_cast<std::int32_t>(r % kMarkers),
                            std::span(values).subspan(r * positions, positions), cutoffs[r % kMarkers]);
                    network.infer_runs(w.view(), 0, w.length, kind, cutoffs, got);
                    CHECK(got.runs == expected.runs);
                    CHECK(got.values == expected.values);
                }
                CalledRuns none;
                middles.pop_back();
                CHECK_THROWS(network.infer_runs(w.view(), 0, w.length, kind, middles, none));
            }
        }
    }
}

TEST_CASE("infer_codes gives the codes of infer's logits, and back ends differ by one step at most") {
    for (const Spec& spec : specs_of_every_kind()) {
        CAPTURE(spec.name);
        const Windows w = windows_of(spec, 3, kMarkers, 9);
        std::vector<std::uint8_t> first;
        for (const std::string& device : devices()) {
            CAPTURE(device);
            const auto b = backend(device);
            Network network(spec, kMarkers, *b);
            randomise(network, 4);
            const std::vector<float> logits = infer_all(network, w);
            std::vector<std::uint8_t> codes(logits.size()), expected(logits.size());
            network.infer_codes(w.view(), 0, w.length, codes);
            std::transform(logits.begin(), logits.end(), expected.begin(), logit_code);
            CHECK(codes == expected);
            if (first.empty()) first = codes;
            int largest = 0;
            for (std::size_t i = 0; i < codes.size(); ++i)
                largest = std::max(largest, std::abs(codes[i] - first[i]));
            CHECK(largest <= 1);
            CHECK(*std::max_element(codes.begin(), codes.end()) >
                  *std::min_element(codes.begin(), codes.end()));
        }
    }
}

TEST_CASE("fused and plain tail agree in inference and training") {
    for (const std::string& device : devices()) {
        CAPTURE(device);
        const auto b = backend(device);
        for (const Spec& spec : {small_spec(), unstrided_spec()}) {
            const Windows w = random_windows(3, spec.window * 2, kMarkers, 9);
            std::vector<std::vector<float>> logits, gradients, statistics;
            std::vector<double> losses;
            for (const bool fused : {true, false}) {
                Network network(spec, kMarkers, *b);
                network.use_fused_tail(fused);
                randomise(network, 4);
                logits.push_back(infer_all(network, w));
                losses.push_back(network.forward_backward(w.view(), w.labels(), {1, 2, 1, 1}).loss);
                gradients.push_back(flat(network.gradients()));
                statistics.push_back(flat(network.state()));
            }
            CHECK(largest_difference(logits[0], logits[1]) <= 2e-5);
            CHECK(std::fabs(losses[0] - losses[1]) <= 1e-5);
            CHECK(largest_difference(gradients[0], gradients[1]) <= 2e-5);
            CHECK(largest_difference(statistics[0], statistics[1]) <= 2e-5);
        }
    }
}

TEST_CASE("bf16 agrees with f32 as closely as its 8 bits allow, and is not f32") {
    const auto reference = backend("reference");
    const auto b =
        make_backend({.device = "cpu", .workers = 2, .isa = "", .precision = Precision::bf16}).backend;
    for (const Spec& spec : {small_spec(), unstrided_spec()}) {
        CAPTURE(spec.name);
        const Windows w = windows_of(spec, 3, kMarkers, 21);
        Network ours(spec, kMarkers, *b), theirs(spec, kMarkers, *reference);
        randomise(ours, 8);
        theirs.load(ours.state());
        const std::vector<float> expected = infer_all(theirs, w, TailOutput::logits);
        const double difference = largest_difference(infer_all(ours, w, TailOutput::logits), expected);
        CHECK(difference <= 2e-2 * largest(expected));
        CHECK(difference >= 1e-4 * largest(expected));
        const TrainStep how{3, 4, 2, 1};
        const StepResult a = ours.train(w.view(), w.labels(), how, {}),
                         r = theirs.train(w.view(), w.labels(), how, {});
        CHECK(std::fabs(a.loss - r.loss) <= 1e-2 * std::fabs(r.loss));
        CHECK(a.loss != r.loss);
    }
}

// Errors of 30 seeds are a tenth of what is allowed: these networks are so small that single precision hardly
// shows. Of large ones network_torch.py has tolerances of their own.
TEST_CASE("the cpu agrees with the reference, with every instruction set") {
    const auto reference = backend("reference");
    std::vector<Spec> specs = specs_of_every_kind();
    for (Spec& spec : tiny_presets())
        if (spec.name == "dilated-pool") specs.push_back(std::move(spec));
    const TrainStep how{3, 4, 2, 1};
    const AdamStep adam{};
    for (const Spec& spec : specs) {
        CAPTURE(spec.name);
        const Windows w = windows_of(spec, 3, kMarkers, 21);
        Network theirs(spec, kMarkers, *reference);
        randomise(theirs, 8);
        const std::vector<NamedTensor> start = theirs.state();
        std::vector<std::vector<float>> expected;
        const std::vector<TailOutput> kinds{TailOutput::logits, TailOutput::probabilities, TailOutput::rates};
        for (const TailOutput kind : kinds) expected.push_back(infer_all(theirs, w, kind));
        const StepResult r = theirs.train(w.view(), w.labels(), how, adam);
        for (const std::string& isa : cpu_isas()) {
            CAPTURE(isa);
            const auto b = make_backend({"cpu", 2, isa}).backend;
            Network ours(spec, kMarkers, *b);
            ours.load(start);
            for (std::size_t k = 0; k < kinds.size(); ++k)
                CHECK(largest_difference(infer_all(ours, w, kinds[k]), expected[k]) <=
                      2e-5 * largest(expected[k]));
            const StepResult a = ours.train(w.view(), w.labels(), how, adam);
            CHECK(std::fabs(a.loss - r.loss) <= 1e-5);
            CHECK(std::fabs(a.grad_norm - r.grad_norm) <= 1e-4 * r.grad_norm);
            CHECK(largest_difference(flat(ours.gradients()), flat(theirs.gradients())) <= 5e-5);
        }
    }
}

TEST_CASE("tiles with halo equal one long stretch, and samples do not depend on their batch, bit by bit") {
    for (const std::string& device : devices()) {
        CAPTURE(device);
        const auto b = backend(device);
        Spec spec = small_spec();
        Network network(spec, kMarkers, *b);
        randomise(network, 2);
        const SpecSummary& s = network.summary();
        const std::int64_t stride = s.stride;
        const std::int64_t left = (s.context_left + stride - 1) / stride * stride;
        const std::int64_t right = (s.context_right + stride - 1) / stride * stride;
        const Windows all = random_windows(1, 400, kMarkers, 31);
        const std::vector<float> whole = infer_all(network, all);
        for (std::int64_t begin = 0; begin < all.length; begin += 24) {
            const std::int64_t end = std::min<std::int64_t>(all.length, begin + 24);
            const std::int64_t from = std::max<std::int64_t>(0, begin - left),
                               to = std::min(all.length, end + right);
            std::vector<float> tile(static_cast<std::size_t>(kMarkers * (end - begin)));
            network.infer({all.codes.data() + from, 1, to - from}, begin - from, end - from,
                          TailOutput::logits, tile);
            for (int m = 0; m < kMarkers; ++m)
                for (std::int64_t p = begin; p < end; ++p)
                    REQUIRE(tile[static_cast<std::size_t>(m * (end - begin) + p - begin)] ==
                            whole[static_cast<std::size_t>(m * all.length + p)]);
        }
        const Windows batch = random_windows(5, 48, kMarkers, 13);
        const std::vector<float> together = infer_all(network, batch);
        for (std::int64_t i = 0; i < batch.batch; ++i) {
            std::vector<float> alone(static_cast<std::size_t>(kMarkers * batch.length));
            network.infer({batch.codes.data() + i * batch.length, 1, batch.length}, 0, batch.length,
                          TailOutput::logits, alone);
            const auto from = together.begin() + i * static_cast<std::int64_t>(alone.size());
            CHECK(std::equal(alone.begin(), alone.end(), from));
        }
    }
}

TEST_CASE("samples of every kind of model do not depend on their batch, bit by bit") {
    for (const std::string& device : devices())
        for (const Spec& spec : specs_of_every_kind()) {
            CAPTURE(device);
            CAPTURE(spec.name);
            const auto b = backend(device);
            Network network(spec, kMarkers, *b);
            randomise(network, 2);
            const Windows batch = windows_of(spec, 21, kMarkers, 13);
            const std::vector<float> together = infer_all(network, batch);
            for (std::int64_t i = 0; i < batch.batch; ++i) {
                std::vector<float> alone(static_cast<std::size_t>(kMarkers * batch.positions));
                network.infer({batch.codes.data() + i * batch.length, 1, batch.length}, 0, batch.length,
                              TailOutput::logits, alone);
                const auto from = together.begin() + i * static_cast<std::int64_t>(alone.size());
                CHECK(std::equal(alone.begin(), alone.end(), from));
            }
        }
}

TEST_CASE(
    "inference is training's forward pass with the statistics given: shared weights, heads and LSTMs too") {
    // Without norm and dropout both compute the same logits; the loss of known logits tells.
    const auto b = backend("reference");
    for (Spec spec : specs_of_every_kind()) {
        CAPTURE(spec.name);
        spec = without_norm(spec);
        Network network(spec, kMarkers, *b);
        randomise(network, 9);
        const Windows w = windows_of(spec, 4, kMarkers, 3);
        const std::vector<float> z = infer_all(network, w);
        std::vector<double> y(z.size());
        for (std::int64_t s = 0; s < w.batch; ++s)
            for (std::int64_t r = w.offsets[static_cast<std::size_t>(s)];
                 r < w.offsets[static_cast<std::size_t>(s) + 1]; ++r) {
                const LabelRun& run = w.runs[static_cast<std::size_t>(r)];
                for (std::int32_t p = run.begin; p < run.end; ++p)
                    y[static_cast<std::size_t>((s * kMarkers + run.marker) * w.positions + p)] =
                        static_cast<double>(run.value);
            }
        double loss = 0;
        for (std::size_t i = 0; i < z.size(); ++i) {
            const double logit = static_cast<double>(z[i]), rate = std::log1p(std::exp(logit));
            loss +=
                spec.task == Task::coverage ? rate - y[i] * std::log(rate) : rate - (y[i] > 0 ? logit : 0);
        }
        loss *= spec.heads.back().weight / static_cast<double>(z.size());
        const double got = network.forward_backward(w.view(), w.labels(), {1, 0, 1, 0}).loss;
        if (spec.heads.size() == 1) CHECK(std::fabs(got - loss) <= 1e-6);
        if (spec.heads.size() > 1) CHECK(got > loss);  // the other heads' share
    }
}

TEST_CASE("the context says exactly which bases matter") {
    const auto b = backend("reference");
    std::vector<Spec> specs{small_spec(), unstrided_spec()};
    for (const Spec& spec : specs) {
        CAPTURE(spec.name);
        Network network(spec, 1, *b);
        randomise(network, 2);
        const SpecSummary& s = network.summary();
        const std::int64_t length = 144 / s.stride * s.stride;
        Windows w = random_windows(1, length, 1, 77);
        const std::vector<float> base = infer_all(network, w);
        // For every base the outputs that change under any of several substitutions, over several sequences.
        std::int64_t left = 0, right = 0;
        for (int round = 0; round < 6; ++round) {
            w = random_windows(1, length, 1, 100 + static_cast<std::uint64_t>(round));
            const std::vector<float> before = infer_all(network, w);
            for (std::int64_t p = 40; p < length - 40; ++p) {
                Windows changed = w;
                changed.codes[static_cast<std::size_t>(p)] =
                    static_cast<std::uint8_t>(w.codes[static_cast<std::size_t>(p)] % 4 + 1);
                const std::vector<float> after = infer_all(network, changed);
                for (std::int64_t q = 0; q < length; ++q) {
                    if (before[static_cast<std::size_t>(q)] == after[static_cast<std::size_t>(q)]) continue;
                    left = std::max(left, q - p);
                    right = std::max(right, p - q);
                }
            }
        }
        CHECK(left == s.context_left);
        CHECK(right == s.context_right);
        CHECK(s.receptive_field() <= s.context_left + s.context_right + 1);
    }
}

TEST_CASE("running statistics follow PyTorch's rule and inference uses them") {
    const auto b = backend("reference");
    const Spec spec = parse_spec(R"({"name": "one", "window": 40, "norm_momentum": 0.25, "layers": [
        {"name": "embed", "type": "embedding", "filters": 4},
        {"name": "conv1", "type": "conv", "filters": 3, "width": 3, "norm": true, "relu": true},
        {"name": "dense1", "type": "dense"}]})",
                                 "one");
    const Windows w = random_windows(2, 40, 1, 3);
    Network network(spec, 1, *b);
    network.initialise(1, std::vector<double>{0.1});
    const std::vector<float> before = infer_all(network, w);
    const auto find = [&](const char* name) {
        for (const NamedTensor& tensor : network.state())
            if (tensor.name == name) return tensor.values;
        return std::vector<float>();
    };
    // The same convolution by hand.
    const auto embed = find("embed.weight"), weight = find("conv1.weight"), bias = find("conv1.bias");
    std::vector<double> sum(3), squares(3);
    for (std::int64_t s = 0; s < 2; ++s)
        for (std::int64_t p = 0; p < 40; ++p)
            for (std::size_t o = 0; o < 3; ++o) {
                double y = static_cast<double>(bias[o]);
                for (std::int64_t t = 0; t < 3; ++t) {
                    const std::int64_t at = p + t - 1;
                    if (at < 0 || at >= 40) continue;
                    const std::size_t code = w.codes[static_cast<std::size_t>(s * 40 + at)];
                    for (std::size_t d = 0; d < 4; ++d)
                        y += static_cast<double>(embed[code * 4 + d]) *
                             static_cast<double>(weight[(o * 4 + d) * 3 + static_cast<std::size_t>(t)]);
                }
                sum[o] += y;
                squares[o] += y * y;
            }
    network.forward_backward(w.view(), w.labels(), {});
    const auto mean = find("conv1.norm.running_mean"), var = find("conv1.norm.running_var");
    for (std::size_t o = 0; o < 3; ++o) {
        const double m = sum[o] / 80, v = (squares[o] - 80 * m * m) / 79;
        CHECK(std::fabs(static_cast<double>(mean[o]) - 0.25 * m) <= 1e-6);
        CHECK(std::fabs(static_cast<double>(var[o]) - (0.75 + 0.25 * v)) <= 1e-6);
    }
    CHECK(largest_difference(before, infer_all(network, w)) > 1e-4);
}

TEST_CASE("buffers serve smaller and larger windows in any order") {
    for (const std::string& device : devices()) {
        CAPTURE(device);
        const auto b = backend(device);
        const Spec spec = small_spec();
        Network used(spec, kMarkers, *b);
        randomise(used, 6);
        for (const auto& [batch, length] : {std::pair{3, 96}, {1, 48}, {2, 20}, {4, 8}, {1, 200}, {3, 4}}) {
            const Windows w = random_windows(batch, length, kMarkers, 17);
            Network fresh(spec, kMarkers, *b);
            used.load(used.state());  // rounds what the reference holds in double precision
            fresh.load(used.state());
            CHECK(infer_all(used, w) == infer_all(fresh, w));
            const StepResult a = used.forward_backward(w.view(), w.labels(), {5, 6, 1, 1});
            const StepResult f = fresh.forward_backward(w.view(), w.labels(), {5, 6, 1, 1});
            CHECK(a.loss == f.loss);
            CHECK(flat(used.gradients()) == flat(fresh.gradients()));
        }
    }
}

TEST_CASE("every kind of model: buffers serve smaller and larger batches and windows in any order") {
    for (const std::string& device : devices())
        for (const Spec& spec : specs_of_every_kind()) {
            CAPTURE(device);
            CAPTURE(spec.name);
            const auto b = backend(device);
            Network used(spec, kMarkers, *b);
            randomise(used, 6);
            const SpecSummary& s = used.summary();
            for (const auto& [batch, part] : {std::pair{5, 4}, {2, 2}, {19, 1}, {3, 6}, {2, 1}, {18, 3}}) {
                // `part` quarters of the window, where any length is served.
                const std::int64_t length =
                    s.fixed_window ? spec.window : spec.window / s.stride * part / 4 * s.stride;
                if (length == 0) continue;
                const Windows w = random_windows(batch, length, kMarkers, 17,
                                                 s.fixed_window ? s.outputs : length / s.scale);
                Network fresh(spec, kMarkers, *b);
                used.load(used.state());  // rounds what the reference holds in double precision
                fresh.load(used.state());
                CHECK(infer_all(used, w) == infer_all(fresh, w));
                const StepResult a = used.forward_backward(w.view(), w.labels(), {5, 6, 1, 1});
                const StepResult f = fresh.forward_backward(w.view(), w.labels(), {5, 6, 1, 1});
                CHECK(a.finite());
                CHECK(a.loss == f.loss);
                CHECK(flat(used.gradients()) == flat(fresh.gradients()));
            }
        }
}

TEST_CASE("a window that finds no memory is an error; the next one is served as before") {
    for (const std::string& device : devices()) {
        CAPTURE(device);
        const auto b = backend(device);
        Network network(small_spec(), kMarkers, *b);
        randomise(network, 6);
        const std::vector<NamedTensor> state = network.state();
        network.load(state);  // rounds what the reference holds in double precision
        const Windows w = random_windows(2, 48, kMarkers, 17);
        const auto before = infer_all(network, w);
        const double loss = network.forward_backward(w.view(), w.labels(), {}).loss;
        const Codes huge{w.codes.data(), 1, std::int64_t{1} << 46};  // not read: the buffers come first
        std::vector<float> out;
        CHECK_THROWS_AS(network.forward_backward(huge, w.labels(), {}), Error);
        CHECK(network.forward_backward(w.view(), w.labels(), {}).loss == loss);
        network.load(state);
        CHECK_THROWS_AS(network.infer(huge, 0, huge.length, TailOutput::logits, out), Error);
        CHECK(infer_all(network, w) == before);
    }
}

TEST_CASE("a step that is not finite leaves everything as it was") {
    for (const std::string& device : devices()) {
        CAPTURE(device);
        const auto b = backend(device);
        Network network(small_spec(), kMarkers, *b);
        randomise(network, 6);
        const Windows w = random_windows(2, 48, kMarkers, 17);
        CHECK(network.train(w.view(), w.labels(), {}, {}).finite());
        std::vector<NamedTensor> state = network.state();
        state[0].values[1] = std::numeric_limits<float>::infinity();
        network.load(state);
        const std::vector<float> moments = flat(network.optimiser_state());
        CHECK_FALSE(network.train(w.view(), w.labels(), {}, {}).finite());
        CHECK(flat(network.state()) == flat(state));
        CHECK(flat(network.optimiser_state()) == moments);
    }
}

TEST_CASE("training lowers the loss, and the same steps give the same weights") {
    for (const std::string& device : devices()) {
        CAPTURE(device);
        const auto b = backend(device);
        const Windows w = random_windows(4, 48, kMarkers, 17);
        std::vector<float> first;
        for (int run = 0; run < 2; ++run) {
            Network network(small_spec(), kMarkers, *b);
            network.initialise(3, std::vector<double>(kMarkers, 0.3));
            double start = 0, end = 0;
            for (std::uint64_t step = 0; step < 60; ++step) {
                AdamStep adam;
                adam.learning_rate = 1e-2f;
                adam.step = static_cast<std::int64_t>(step) + 1;
                adam.clip_norm = 1;
                end = network.train(w.view(), w.labels(), {1, step, 1, 1}, adam).loss;
                if (step == 0) start = end;
            }
            CHECK(end < 0.9 * start);
            if (run == 0)
                first = flat(network.state());
            else
                CHECK(flat(network.state()) == first);
        }
    }
}
