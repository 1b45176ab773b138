#include "nn/spec.hpp"

#include <doctest/doctest.h>

#include "kernels/base/error.hpp"
#include "support.hpp"

using namespace regkit;
using namespace regkit::test;

TEST_CASE("what is not said has its default") {
    const Spec spec = parse_spec(R"({"name": "x", "layers": [{"name": "e", "type": "embedding", "filters": 4},
        {"name": "c", "type": "conv", "filters": 8, "width": 3}, {"name": "d", "type": "dense"}]})",
                                 "test");
    CHECK(spec.task == regkit::Task::nucleotide);
    CHECK(spec.window == 25000);
    CHECK(spec.init == Init::torch);
    CHECK(to_json(spec).find("init") == std::string::npos);
    CHECK(spec.dropout == 0.1);
    CHECK(spec.norm_momentum == 0.1);
    CHECK(spec.norm_eps == 1e-5);
    CHECK(spec.layers[0].from == std::vector<std::string>{"sequence"});
    CHECK(spec.layers[1].from == std::vector<std::string>{"e"});
    CHECK(spec.layers[1].stride == 1);
    CHECK_FALSE(spec.layers[1].relu);
    CHECK(spec.heads == std::vector<HeadSpec>{{"d", 1}});
    const Spec small = small_spec();
    CHECK(parse_spec(to_json(small), "again") == small);
    for (const Init init : {Init::he, Init::paper}) {
        Spec other = small;
        other.init = init;
        CHECK(parse_spec(to_json(other), "again") == other);
        CHECK_FALSE(other == small);
    }
}

namespace {

struct Bad {
    const char* json;
    const char* says;  // part of the message
};

// LAYERS stands for an embedding "e" and a convolution "c" of 8 filters.
std::string expand(std::string text) {
    const std::string mark = "LAYERS";
    const auto at = text.find(mark);
    if (at != text.npos)
        text.replace(at, mark.size(), R"({"name": "e", "type": "embedding", "filters": 4},
                                         {"name": "c", "type": "conv", "filters": 8, "width": 3})");
    return text;
}

const Bad kBad[] = {
    {R"({"name": "x", "layers": [{"name": "e", "type": "embedding", "filters": 1048576},
        {"name": "c", "type": "conv", "filters": 1048576, "width": 1048576}, {"name": "d", "type": "dense"}]})",
     "layer 'c': has too many weights"},
    {"", "not JSON"},
    {"{", "not JSON"},
    {"[1]", "expected an object"},
    {"\"text\"", "expected an object"},
    {"{\"name\": \"x\", \"layers\": [{]}", "line 1"},
    {"{\"name\": \"\xff\", \"layers\": []}", "not JSON"},
    {R"({"layers": []})", "'name' is missing"},
    {R"({"name": 3, "layers": []})", "name: expected text"},
    {R"({"name": "x"})", "'layers' is missing"},
    {R"({"name": "x", "layers": {}})", "layers: expected a list"},
    {R"({"name": "x", "layers": [3]})", "layer 1: expected an object"},
    {R"({"name": "x", "layers": [{"type": "conv"}]})", "layer 1: 'name' is missing"},
    {R"({"name": "x", "name": "y", "layers": []})", "key 'name' stands twice"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "relu": true, "relu": false}]})",
     "key 'relu' stands twice"},
    {R"({"name": "x", "init": "xavier", "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "init: expected 'torch', 'he' or 'paper', not 'xavier'"},
    {R"({"name": "x", "init": true, "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "init: expected text"},
    {R"({"name": "x", "depth": 3, "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "unknown key 'depth'"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "widht": 3}]})",
     "layer 'd': unknown key 'widht'"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "norm": true}]})",
     "layer 'd': only a convolution, an up-convolution or a dense layer with 'flatten' has batch norm"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "gru"}]})", "unknown type 'gru'"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c", "type": "dense"}]})",
     "layer 'c': another layer has this name"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "sequence", "type": "dense"}]})", "cannot have this name"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d.e", "type": "dense"}]})", "letters, digits"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "from": "later"}, {"name": "later", "type": "dense"}]})",
     "layer 'd': reads 'later', which is not an earlier layer"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "from": "d"}]})",
     "not an earlier layer"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "from": 7}]})",
     "from: expected a name"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "from": []}]})", "reads nothing"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "from": ["c", "c"]}]})",
     "reads 'c' twice"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "from": "sequence"}]})",
     "an embedding or one_hot, and"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "from": "e"}]})",
     "only a convolution can read"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 3}, {"name": "d", "type": "dense", "from": ["c", "c2"]}]})",
     "only add and concat do"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "a", "type": "add"}, {"name": "d", "type": "dense"}]})",
     "layer 'a': add and concat need"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 9, "width": 3}, {"name": "a", "type": "add", "from": ["c", "c2"]}, {"name": "d", "type": "dense"}]})",
     "layer 'a': adds 'c' of 8 channels"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 3, "stride": 10}, {"name": "a", "type": "add", "from": ["c", "c2"]}, {"name": "d", "type": "dense"}]})",
     "layer 'a': adds 'c'"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "u", "type": "up_conv", "filters": 8, "stride": 10}, {"name": "d", "type": "dense"}]})",
     "layer 'u': up-samples by 10 where a position stands for 1"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 3, "stride": 10}, {"name": "d", "type": "dense"}]})",
     "layer 'd': the head does not have one position a base"},
    {R"({"name": "x", "window": 25001, "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 3, "stride": 10}, {"name": "u", "type": "up_conv", "filters": 8, "stride": 10}, {"name": "d", "type": "dense"}]})",
     "layer 'c2': gives 2501 positions"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 3, "padding": "valid"}, {"name": "d", "type": "dense"}]})",
     "layer 'd': the head does not have one position a base"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 3, "padding": "full"}, {"name": "d", "type": "dense"}]})",
     "padding: expected 'same' or 'valid'"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "width": 3}, {"name": "d", "type": "dense"}]})",
     "layer 'c2': 'filters' is missing"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8}, {"name": "d", "type": "dense"}]})",
     "layer 'c2': 'width' is missing"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 0, "width": 3}, {"name": "d", "type": "dense"}]})",
     "filters: expected a whole number from 1"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8.0, "width": 3}, {"name": "d", "type": "dense"}]})",
     "filters: expected a whole number"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 18446744073709551615, "width": 3}, {"name": "d", "type": "dense"}]})",
     "filters: expected a whole number"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": "8", "width": 3}, {"name": "d", "type": "dense"}]})",
     "filters: expected a whole number"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 1000000, "dilation": 1000000}, {"name": "d", "type": "dense"}]})",
     "width times dilation is too large"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 3, "relu": 1}, {"name": "d", "type": "dense"}]})",
     "relu: expected true or false"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "filters": 7}]})",
     "a head reads a dense layer"},
    {R"({"name": "x", "layers": [LAYERS]})", "layer 'c': a head reads a dense layer"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "relu": true}]})", "gives logits"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d0", "type": "dense"}, {"name": "d", "type": "dense"}]})",
     "layer 'd0': no filters"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "side", "type": "conv", "filters": 8, "width": 3}, {"name": "d", "type": "dense", "from": "c"}]})",
     "layer 'side': nothing reads this layer"},
    {R"({"name": "x", "dropout": 1, "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "dropout: expected a number in [0"},
    {R"({"name": "x", "dropout": -0.1, "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "dropout: expected"},
    {R"({"name": "x", "dropout": 1e999, "layers": [LAYERS, {"name": "d", "type": "dense"}]})", "not JSON"},
    {R"({"name": "x", "norm_eps": 0, "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "norm_eps: expected"},
    {R"({"name": "x", "norm_momentum": 0, "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "norm_momentum: expected"},
    {R"({"name": "x", "window": 0, "layers": [LAYERS, {"name": "d", "type": "dense"}]})", "window: expected"},
    {R"({"name": "x", "window": 1e4, "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "window: expected"},
    {R"({"name": "x", "task": "bins", "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "unknown task 'bins'"},
    {R"({"name": "x", "heads": [{"from": "q"}], "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "no layer 'q'"},
    {R"({"name": "x", "heads": [], "layers": [LAYERS, {"name": "d", "type": "dense"}]})", "there is none"},
    {R"({"name": "x", "heads": [{"from": "d", "weight": 0}], "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "head 1: weight: expected"},
    {R"({"name": "x", "heads": [{"from": "d"}, {"from": "d"}], "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "'d' stands twice"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "d", "type": "dense", "flatten": true}]})",
     "does not have one position a base"},
    {R"({"name": "x", "task": "bin", "layers": [LAYERS, {"name": "f", "type": "dense", "filters": 3, "flatten": true}, {"name": "g", "type": "conv", "filters": 3, "width": 1}, {"name": "d", "type": "dense"}]})",
     "layer 'g': behind a dense layer with 'flatten'"},
    {R"({"name": "x", "task": "bin", "layers": [LAYERS, {"name": "p", "type": "pool", "width": 25001, "padding": "valid"}, {"name": "d", "type": "dense"}]})",
     "layer 'p': gives no position"},
    {R"({"name": "x", "layers": [{"name": "o", "type": "one_hot"}, {"name": "d", "type": "dense"}]})",
     "can read a one_hot"},
    {R"({"name": "x", "layers": [{"name": "o", "type": "one_hot", "filters": 4}, {"name": "d", "type": "dense"}]})",
     "unknown key 'filters'"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "l", "type": "lstm"}, {"name": "d", "type": "dense"}]})",
     "layer 'l': 'filters' is missing"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "l", "type": "lstm", "filters": 3, "relu": true}, {"name": "d", "type": "dense"}]})",
     "unknown key 'relu'"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 3, "weights": "c3"}, {"name": "d", "type": "dense"}]})",
     "layer 'c2': weights: 'c3' is not an earlier layer"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 5}, {"name": "c3", "type": "conv", "filters": 8, "width": 3, "weights": "c2"}, {"name": "d", "type": "dense"}]})",
     "layer 'c3': weights: those of 'c2' have another type or shape"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 8, "width": 3}, {"name": "c3", "type": "conv", "filters": 8, "width": 3, "weights": "c2"}, {"name": "c4", "type": "conv", "filters": 8, "width": 3, "weights": "c3"}, {"name": "d", "type": "dense"}]})",
     "layer 'c4': weights: that layer uses another one's"},
    {R"({"name": "x", "layers": [LAYERS, {"name": "c2", "type": "conv", "filters": 9, "width": 3, "stride": 10}, {"name": "a", "type": "concat", "from": ["c", "c2"]}, {"name": "d", "type": "dense"}]})",
     "layer 'a': joins 'c'"},
    {R"({"name": "x", "heads": [{"from": "d", "w": 0}], "layers": [LAYERS, {"name": "d", "type": "dense"}]})",
     "head 1: unknown key 'w'"},
};

}  // namespace

TEST_CASE("a spec that is wrong is refused with its source, the layer and the reason") {
    for (const Bad& bad : kBad) {
        CAPTURE(bad.json);
        std::string message;
        try {
            parse_spec(expand(bad.json), "file.json");
        } catch (const Error& e) {
            CHECK(e.kind() == ErrorKind::input);
            message = e.what();
        }
        CAPTURE(message);
        CHECK(message.starts_with("file.json: "));
        CHECK(message.find(bad.says) != std::string::npos);
    }
}

TEST_CASE("a text of brackets does not exhaust the stack") {
    const std::string open(200000, '['), close(200000, ']');
    CHECK_THROWS_AS(parse_spec(open, "deep"), Error);
    // Whole values too, which a message would have to print.
    CHECK_THROWS_AS(parse_spec(R"({"name": "x", "window": )" + open + close + "}", "deep"), Error);
    CHECK_THROWS_AS(parse_spec(R"({"name": "x", "layers": )" + open + close + "}", "deep"), Error);
}
