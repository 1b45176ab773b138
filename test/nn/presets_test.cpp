// The presets, and the examples of regkit-spec(5), against numbers worked out by hand.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "kernels/base/error.hpp"
#include "nn/spec.hpp"

using namespace regkit;

namespace {

struct Expected {
    const char* name;
    Task task;
    std::int64_t window;
    std::int64_t plain;   // parameters at 919 markers without batch norm
    std::int64_t normed;  // those of a normalised channel: gamma and beta
};

constexpr Task kBin = Task::bin, kBase = Task::nucleotide, kCoverage = Task::coverage;

// Published counts; those of the last four, which have none, layer by layer.
const Expected kExpected[] = {
    {"lr", kBin, 1000, 3676919, 0},
    {"mlp", kBin, 1000, 4551919, 0},
    {"deepsea", kBin, 1000, 60472479, 0},
    {"danq", kBin, 1000, 46926479, 0},
    {"dilated3", kBin, 1000, 22284639, 0},
    {"dilated6", kBin, 1000, 8043759, 0},
    {"dilated6-bn", kBin, 1000, 25758079 - 2 * 1560, 1560},
    {"deep-dilated", kBin, 1000, 2073943, 0},
    {"cnn1", kBase, 25000, 137187, 0},
    {"cnn3", kBase, 25000, 341803 - 2 * 298, 298},
    {"cnn3-unstrided", kBase, 25000, 554927, 0},
    {"cnn7", kBase, 25000, 656363 - 2 * 618, 618},
    {"dilated", kBase, 25000, 630077, 568},
    {"dilated-pool", kBase, 25000, 630077, 568},
    {"dilated-dilpool", kBase, 25000, 630077, 568},
    {"id-cnn", kBase, 25000, 635739 - 3 * 1000, 3 * 500},
    {"bi-lstm", kBase, 25000, 764395, 0},
    {"basset", kBin, 600,
     300 * (4 * 19 + 1) + 200 * (300 * 11 + 1) + 200 * (200 * 7 + 1) + 1000 * (200 * 10 + 1) + 1000 * 1001 +
         919 * 1001,
     300 + 200 + 200 + 1000},
    {"cnn-rnn", kBin, 1000,
     128 * (4 * 19 + 1) + 192 * (128 * 11 + 1) + 2 * 4 * 128 * (192 + 128 + 1) + 200 * (256 * 62 + 1) +
         919 * 201,
     128 + 192},
    {"dilated-residual", kBase, 25000,
     20 + 32 * (4 * 11 + 1) + 10 * (32 * (32 * 3 + 1) + 32 * 33) + 125 * 33 + 919 * 126, 21 * 32},
    {"strided-residual", kBase, 25000,
     20 + 48 * (4 * 21 + 1) + 128 * (48 * 10 + 1) + 9 * (128 * (128 * 3 + 1) + 128 * 129) + 64 * 128 * 10 +
         64 + 128 * 65 + 919 * 129,
     48 + 128 + 9 * 2 * 128 + 64},
    {"basenji", kCoverage, 131072,
     20 + 32 * (4 * 15 + 1) + 40 * (32 * 5 + 1) + 48 * (40 * 5 + 1) + 64 * (48 * 5 + 1) + 80 * (64 * 5 + 1) +
         96 * (80 * 5 + 1) + 128 * (96 * 5 + 1) + 32 * 3 * (128 + 160 + 192 + 224 + 256 + 288 + 320) +
         7 * 32 + 256 * 353 + 919 * 257,
     32 + 40 + 48 + 64 + 80 + 96 + 128 + 7 * 32},
};

}  // namespace

TEST_CASE("presets have the published parameter counts at 919 markers") {
    REQUIRE(preset_names().size() == std::size(kExpected));
    for (const Expected& e : kExpected) {
        CAPTURE(e.name);
        const Spec spec = preset(e.name);
        CHECK(spec.name == e.name);
        CHECK(spec.task == e.task);
        CHECK(spec.window == e.window);
        CHECK_FALSE(spec.description.empty());
        CHECK(summarise(spec, 919).parameters == e.plain + 2 * e.normed);
        CHECK(summarise(without_norm(spec), 919).parameters == e.plain);
        CHECK(parse_spec(to_json(spec), "again") == spec);
        CHECK(to_json(parse_spec(to_json(spec), "again")) == to_json(spec));
        std::int64_t described = 0;
        for (const LayerDescription& layer : describe(spec, 919)) described += layer.parameters;
        CHECK(described == e.plain + 2 * e.normed);
    }
    CHECK_THROWS_WITH_AS(preset("dilatd"), doctest::Contains("dilated-pool"), Error);
}

TEST_CASE("receptive fields of the presets that give a value a base or a bin") {
    struct Field {
        const char* name;
        int stride;
        std::int64_t field, left, right;
    };
    // dilated: 1 + 9 * (3 + 9 + 27 + 81) = 1081 coarse positions of 10 bases, of which 13 + 40 + 121 + 364 =
    // 538 left. id-cnn: three times 13 + 40 + 121 = 174 positions of 20 bases left and 14 + 41 + 122 = 177
    // right, then 9 and 10 bases of the first convolution. strided-residual: 1 + 2 + ... + 256 = 511
    // positions of 10 bases to each side, then 10 bases of the first convolution. basenji: 127 bins to each
    // side; from there a pool is twice as many positions, a convolution 2 (the first 7) more to each side.
    for (const Field& e :
         {Field{"cnn1", 1, 10, 4, 5}, Field{"cnn3", 10, 100, 49, 59}, Field{"cnn3-unstrided", 1, 28, 12, 15},
          Field{"cnn7", 10, 460, 5 * 40 + 9, 5 * 50 + 9}, Field{"dilated", 10, 10810, 5389, 5429},
          Field{"dilated-pool", 10, 10810 + 3 * 40, 5389 + 60, 5429 + 60},
          Field{"dilated-dilpool", 10, 10810 + 4 * 1080, 5389 + 2 * 1080, 5429 + 2 * 1080},
          Field{"id-cnn", 20, (3 * 351 + 1) * 20 + 19, 3 * 174 * 20 + 19 + 9, 3 * 177 * 20 + 19 + 10},
          Field{"dilated-residual", 1, 11 + 2 * 1023, 5 + 1023, 5 + 1023},
          Field{"strided-residual", 10, (2 * 511 + 1) * 10 + 20, 511 * 10 + 9 + 10, 511 * 10 + 9 + 10},
          Field{"basenji", 128, 33158, 127 * 128 + 2 * (2 + 4 + 8 + 16 + 32 + 64) + 7,
                127 * 128 + 2 * (2 + 4 + 8 + 16 + 32 + 64) + 7}}) {
        CAPTURE(e.name);
        const SpecSummary s = summarise(preset(e.name), 919);
        CHECK(s.receptive_field() == e.field);
        CHECK(s.context_left == e.left);
        CHECK(s.context_right == e.right);
        CHECK(s.stride == e.stride);
        CHECK(s.finite_context);
        CHECK_FALSE(s.fixed_window);
    }
}

TEST_CASE("what comes out of the presets' windows") {
    for (const Expected& e : kExpected) {
        CAPTURE(e.name);
        const std::string name = e.name;
        const SpecSummary s = summarise(preset(name), 919);
        CHECK(s.fixed_window == (e.task == kBin));
        CHECK(s.finite_context == (name != "danq" && name != "bi-lstm" && name != "cnn-rnn"));
        CHECK(s.outputs == (e.task == kBin ? 1 : e.task == kCoverage ? 1024 : 25000));
        CHECK(s.scale == (e.task == kBin ? e.window : e.task == kCoverage ? 128 : 1));
        if (e.task == kBin || !s.finite_context) CHECK(s.receptive_field() == e.window);
    }
}

TEST_CASE("the positions that the presets of task 1 flatten") {
    struct Flattened {
        const char* name;
        const char* layer;  // the one that is read
        const char* shape;
    };
    for (const Flattened& e :
         {Flattened{"deepsea", "conv3", "960 x 62"}, Flattened{"danq", "lstm1", "640 x 75"},
          Flattened{"dilated3", "conv3", "360 x 62"}, Flattened{"dilated6", "conv6", "120 x 60"},
          Flattened{"dilated6-bn", "conv6", "240 x 60"}, Flattened{"deep-dilated", "pool3", "32 x 69"},
          Flattened{"basset", "pool3", "200 x 10"}, Flattened{"cnn-rnn", "lstm1", "256 x 62"}}) {
        CAPTURE(e.name);
        bool found = false;
        for (const LayerDescription& layer : describe(preset(e.name), 919))
            if (layer.name == e.layer) {
                found = true;
                CHECK(layer.shape == e.shape);
            }
        CHECK(found);
    }
}

TEST_CASE("the examples of regkit-spec(5) are what the page says") {
    std::ifstream page(REGKIT_SOURCE "/man/regkit-spec.5");
    const std::string text{std::istreambuf_iterator<char>(page), {}};
    std::vector<Spec> specs;
    const std::string opening = ".Bd -literal -offset indent\n{";
    for (auto at = text.find(opening); at != text.npos; at = text.find(opening, at + 1)) {
        const auto begin = at + opening.size() - 1;
        specs.push_back(parse_spec(text.substr(begin, text.find(".Ed", at) - begin), "regkit-spec(5)"));
    }
    REQUIRE(specs.size() == 2);
    const SpecSummary residual = summarise(specs[0], 919);
    CHECK(residual.context_left == 189);
    CHECK(residual.context_right == 189);
    bool found = false;
    for (const LayerDescription& layer : describe(specs[1], 1)) {
        if (layer.name == "conv1") CHECK(layer.shape == "32 x 990");
        if (layer.name == "pool1") CHECK(layer.shape == "32 x 99");
        if (layer.name != "dense1") continue;
        found = true;
        CHECK(layer.parameters == 50 * 3168 + 50);
    }
    CHECK(found);
    CHECK(specs[1].heads.size() == 2);
}
