// Tiles, regions and halos must be invisible to the last bit; the reverse strand must be the reverse strand.
#include "app/model/predictor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "nn/network.hpp"
#include "test/app/model/called.hpp"

using namespace regkit;

namespace {

constexpr const char* kStrided = R"({
  "name": "strided", "window": 500, "dropout": 0,
  "layers": [
    {"name": "embed", "type": "embedding", "filters": 4},
    {"name": "conv1", "type": "conv", "filters": 8, "width": 10, "stride": 10, "relu": true},
    {"name": "conv2", "type": "conv", "filters": 6, "width": 4, "dilation": 3, "norm": true, "relu": true},
    {"name": "pool2", "type": "pool", "width": 5},
    {"name": "up", "type": "up_conv", "filters": 5, "stride": 10, "norm": true, "relu": true},
    {"name": "dense1", "type": "dense", "filters": 7, "relu": true},
    {"name": "dense2", "type": "dense"}
  ]
})";
// No stride, and a context that is not the same on both sides.
constexpr const char* kPlain = R"({
  "name": "plain", "window": 500, "dropout": 0,
  "layers": [
    {"name": "embed", "type": "embedding", "filters": 4},
    {"name": "conv1", "type": "conv", "filters": 8, "width": 10, "relu": true},
    {"name": "conv2", "type": "conv", "filters": 6, "width": 6, "dilation": 2, "relu": true},
    {"name": "dense1", "type": "dense"}
  ]
})";
constexpr int kMarkers = 3;

struct World {
    std::unique_ptr<Backend> backend;
    Model model;
    std::vector<std::uint8_t> contig;

    World(const char* spec, const char* device, int workers, std::int64_t length)
        : backend(make_backend({.device = device, .workers = workers, .isa = ""}).backend) {
        model.spec = parse_spec(spec, "test");
        for (const char* name : {"a", "b", "c"}) model.markers.push_back({name, "X", "", "", 0.2});
        Network network(model.spec, kMarkers, *backend);
        network.initialise(5, std::vector<double>{0.2, 0.3, 0.4});
        model.tensors = network.state();
        std::mt19937 random(7);
        for (NamedTensor& tensor : model.tensors)  // strong effects; statistics that are not 0 and 1
            for (float& value : tensor.values)
                value = value * 2.5f + 0.001f * static_cast<float>(random() % 100);
        contig.resize(static_cast<std::size_t>(length));
        for (std::uint8_t& code : contig)
            code = static_cast<std::uint8_t>(random() % 33 == 0 ? 0 : 1 + random() % 4);
    }

    std::int64_t length() const { return static_cast<std::int64_t>(contig.size()); }

    // Predictions of [begin, end), [markers][end - begin], put together from the sink's tiles.
    std::vector<float> predict(Predictor& predictor, std::int64_t begin, std::int64_t end) const {
        std::vector<float> all(static_cast<std::size_t>(kMarkers * (end - begin)), -1.0f);
        std::int64_t next = begin;
        predictor.predict(
            length(), begin, end,
            [&](std::int64_t from, std::int64_t to, std::span<std::uint8_t> codes) {
                REQUIRE(from >= 0);
                REQUIRE(to <= length());
                REQUIRE(static_cast<std::int64_t>(codes.size()) == to - from);
                std::copy(contig.begin() + from, contig.begin() + to, codes.begin());
            },
            [&](std::int64_t from, std::int64_t to, std::span<const std::uint8_t> codes,
                std::span<const float> values) {
                REQUIRE(from == next);
                REQUIRE(static_cast<std::int64_t>(values.size()) == kMarkers * (to - from));
                REQUIRE(std::equal(codes.begin(), codes.end(), contig.begin() + from, contig.begin() + to));
                for (std::int64_t m = 0; m < kMarkers; ++m)
                    std::copy_n(values.begin() + m * (to - from), to - from,
                                all.begin() + m * (end - begin) + from - begin);
                next = to;
            });
        REQUIRE(next == end);
        return all;
    }
    std::vector<float> predict(const PredictorOptions& options, std::int64_t begin, std::int64_t end) const {
        Predictor predictor(model, *backend, options);
        return predict(predictor, begin, end);
    }
    // The whole contig in one pass of the network: what tiles must not differ from.
    std::vector<float> one_pass(std::span<const std::uint8_t> codes) const {
        Network network(model.spec, kMarkers, *backend);
        network.load(model.tensors);
        const std::int64_t stride = network.summary().stride;
        std::vector<std::uint8_t> padded(codes.begin(), codes.end());
        while (static_cast<std::int64_t>(padded.size()) % stride != 0) padded.push_back(kCodeN);
        const auto n = static_cast<std::int64_t>(padded.size());
        std::vector<float> values(static_cast<std::size_t>(kMarkers * n)), cut;
        network.infer({padded.data(), 1, n}, 0, n, TailOutput::probabilities, values);
        for (std::int64_t m = 0; m < kMarkers; ++m)
            cut.insert(cut.end(), values.begin() + m * n,
                       values.begin() + m * n + static_cast<std::int64_t>(codes.size()));
        return cut;
    }
};

std::vector<float> part(const std::vector<float>& all, std::int64_t length, std::int64_t begin,
                        std::int64_t end) {
    std::vector<float> out;
    for (std::int64_t m = 0; m < kMarkers; ++m)
        out.insert(out.end(), all.begin() + m * length + begin, all.begin() + m * length + end);
    return out;
}

}  // namespace

TEST_CASE("tiles are invisible") {
    for (const char* spec : {kStrided, kPlain})
        for (const char* device : {"reference", "cpu"})
            for (const std::int64_t length : {1LL, 9LL, 187LL, 1000LL, 3004LL}) {
                CAPTURE(spec);
                CAPTURE(device);
                CAPTURE(length);
                const World world(spec, device, 2, length);
                const std::vector<float> whole = world.predict({.tile = 100000}, 0, length);
                CHECK(whole == world.one_pass(world.contig));
                CHECK(
                    std::any_of(whole.begin(), whole.end(), [](float v) { return v > 0.01f && v < 0.99f; }));
                for (const std::int64_t tile : {1LL, 10LL, 70LL, 333LL, 1000LL})
                    if (length / tile < 200) CHECK(world.predict({.tile = tile}, 0, length) == whole);
                const std::vector<float> both =
                    world.predict({.tile = 100000, .rc_average = true}, 0, length);
                CHECK(world.predict({.tile = 70, .rc_average = true}, 0, length) == both);
                if (length > 1) CHECK(both != whole);
                for (const auto& [begin, end] :
                     {std::pair{0LL, 1LL}, {3LL, 15LL}, {99LL, 187LL}, {500LL, 1000LL}, {1234LL, 3004LL}}) {
                    if (end > length) continue;
                    CHECK(world.predict({.tile = 130}, begin, end) == part(whole, length, begin, end));
                    CHECK(world.predict({.tile = 130, .rc_average = true}, begin, end) ==
                          part(both, length, begin, end));
                }
            }
}

TEST_CASE(
    "predict_called gives the values that are not below their marker's cutoff, or nothing where all is N") {
    for (const char* spec : {kStrided, kPlain})
        for (const char* device : {"reference", "cpu"})
            for (const bool rc_average : {false, true}) {
                CAPTURE(spec);
                CAPTURE(device);
                CAPTURE(rc_average);
                World world(spec, device, 2, 3004);
                std::fill(world.contig.begin() + 900, world.contig.begin() + 1500, kCodeN);
                for (const auto& [begin, end] : {std::pair{0LL, 3004LL}, {3LL, 15LL}, {1234LL, 3001LL}})
                    for (const std::int64_t tile : {130LL, 1000LL}) {
                        Predictor predictor(world.model, *world.backend,
                                            {.tile = tile, .rc_average = rc_average});
                        std::vector<float> values = world.predict(predictor, begin, end);
                        for (const float least : {0.0f, 0.3f, test::middle_of(values), 1.0f}) {
                            std::vector<float> cutoffs(kMarkers, least);
                            cutoffs.back() = 0.4f;
                            const auto called = test::called_values(predictor, world.length(), begin, end,
                                                                    cutoffs, world.contig);
                            for (std::size_t m = 0; m < kMarkers; ++m) {
                                const float cutoff = cutoffs[m];
                                const auto n = static_cast<std::size_t>(end - begin);
                                for (std::size_t i = 0; i < n; ++i) {
                                    const float got = called[m][i], value = values[m * n + i];
                                    const bool is_n =
                                        world.contig[static_cast<std::size_t>(begin) + i] == kCodeN;
                                    if (value < cutoff)
                                        REQUIRE(std::isnan(got));
                                    else
                                        REQUIRE((got == value || (is_n && std::isnan(got))));
                                }
                            }
                        }
                    }
            }
}

TEST_CASE("the number of workers is invisible") {
    const World one(kStrided, "cpu", 1, 2503), three(kStrided, "cpu", 3, 2503);
    CHECK(one.predict({.tile = 700}, 0, 2503) == three.predict({.tile = 700}, 0, 2503));
}

TEST_CASE(
    "the reverse strand is predicted as the reverse complement's own forward strand, in the same cells") {
    const std::int64_t length = 1000;  // a multiple of the stride: the contig's reverse has the same cells
    const World world(kStrided, "reference", 1, length);
    std::vector<std::uint8_t> reversed = world.contig;
    reverse_complement(reversed);
    const std::vector<float> forward = world.one_pass(world.contig), backward = world.one_pass(reversed);
    const std::vector<float> both = world.predict({.tile = 300, .rc_average = true}, 0, length);
    for (std::int64_t m = 0; m < kMarkers; ++m)
        for (std::int64_t p = 0; p < length; ++p)
            REQUIRE(both[static_cast<std::size_t>(m * length + p)] ==
                    0.5f * (forward[static_cast<std::size_t>(m * length + p)] +
                            backward[static_cast<std::size_t>(m * length + length - 1 - p)]));
}

TEST_CASE("a contig whose end is not known yet gives the same bytes") {
    const World world(kStrided, "cpu", 1, 3000);
    Predictor predictor(world.model, *world.backend, {.tile = 500});
    const std::vector<float> whole = world.predict(predictor, 0, 3000);
    World known(kStrided, "cpu", 1, 3000);  // the same sequence, of which the end has not come yet
    known.contig.resize(static_cast<std::size_t>(500 + predictor.ahead()));
    CHECK(known.predict(predictor, 0, 500) == part(whole, 3000, 0, 500));
}

TEST_CASE("paper windows see nothing beyond their ends") {
    for (const bool rc_average : {false, true}) {
        World world(kStrided, "cpu", 2, 1);
        const std::int64_t window = world.model.spec.window, length = 2 * window + 487;
        world = World(kStrided, "cpu", 2, length);
        const auto all = world.predict({.rc_average = rc_average, .paper_windows = true}, 0, length);
        for (std::int64_t begin = 0; begin < length; begin += window) {
            const std::int64_t end = std::min(length, begin + window);
            World alone(kStrided, "cpu", 2, 1);
            alone.contig.assign(world.contig.begin() + begin, world.contig.begin() + end);
            CHECK(part(all, length, begin, end) ==
                  alone.predict({.tile = 100000, .rc_average = rc_average}, 0, end - begin));
        }
    }
}

TEST_CASE("positions outside the contig are refused") {
    const World world(kStrided, "cpu", 1, 100);
    Predictor predictor(world.model, *world.backend, {});
    const FetchCodes fetch = [](std::int64_t, std::int64_t, std::span<std::uint8_t>) {};
    const TileSink sink = [](std::int64_t, std::int64_t, std::span<const std::uint8_t>,
                             std::span<const float>) {};
    CHECK_THROWS_AS(predictor.predict(100, -1, 50, fetch, sink), Error);
    CHECK_THROWS_AS(predictor.predict(100, 0, 101, fetch, sink), Error);
    CHECK_THROWS_AS(Predictor(world.model, *world.backend, {.tile = 0}), Error);
}
