#include "app/model/model.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "app/model/packed_weights.hpp"
#include "io/files/sha256.hpp"
#include "kernels/backend.hpp"
#include "kernels/base/error.hpp"
#include "nn/network.hpp"
#include "test/app/scratch.hpp"

using namespace regkit;

namespace {

std::vector<Marker> markers() {
    return {{"CTCF_a", "TFBS", "GM12878", "CTCF", 0.002},
            {"CTCF_b", "TFBS", "K562", "CTCF", 0.001},
            {"H3K4me3", "Histone", "K562", "H3K4me3", 0.01},
            {"DHS[1]", "DNase", "", "", 0.02}};
}

// A small network of the preset's shape with fresh weights.
Model fresh_model(Backend& backend) {
    Model model;
    model.spec = preset("cnn1");
    model.markers = markers();
    Network network(model.spec, 4, backend);
    network.initialise(5, std::vector<double>{0.002, 0.001, 0.01, 0.02});
    model.tensors = network.state();
    model.reference = {{"chr1", 1'000'001, "0123456789abcdef0123456789abcdef", {0x0123456789abcdef, 1}},
                       {"chr2", 50, ""}};
    model.summary = R"({"steps":3})";
    return model;
}

std::vector<float> predict(const Model& model, Backend& backend) {
    Network network(model.spec, static_cast<int>(model.markers.size()), backend);
    network.load(model.tensors);
    std::vector<std::uint8_t> codes(200);
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>((i * i + i / 7) % 5);
    std::vector<float> out(model.markers.size() * codes.size());
    network.infer({codes.data(), 1, 200}, 0, 200, TailOutput::logits, out);
    return out;
}

ErrorKind kind_of(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.kind();
    }
    FAIL("no error");
    return ErrorKind::resource;
}

}  // namespace

TEST_CASE("model: saved and loaded, everything is as it was") {
    NullLog log;
    const Scratch scratch("model");
    const auto backend = make_backend({"reference", 1, ""}).backend;
    const Model model = fresh_model(*backend);
    save_model(scratch.file("m"), model);
    const Model back = load_model(scratch.file("m"), log);
    CHECK(to_json(back.spec) == to_json(model.spec));
    REQUIRE(back.markers.size() == 4);
    CHECK(back.markers[1].name == "CTCF_b");
    CHECK(back.markers[1].cell == "K562");
    CHECK(back.markers[2].class_name == "Histone");
    CHECK(back.markers[0].prevalence == 0.002);
    REQUIRE(back.reference.size() == 2);
    CHECK(back.reference[0].md5 == model.reference[0].md5);
    CHECK(back.reference[0].blocks == model.reference[0].blocks);
    CHECK(back.reference[1].blocks.empty());
    CHECK(back.reference[1].length == 50);
    CHECK(back.summary == model.summary);
    CHECK(back.digest == sha256_file(scratch.file("m")));
    CHECK(predict(back, *backend) == predict(model, *backend));
}

// By hand: the row's largest magnitude is 127 steps.
TEST_CASE("model: weights in 8 bits are off by half a step of their row at most") {
    TensorFile file;
    file.tensors = {{"w", {2, 3}, {1, -0.5f, 0.26f, 0, 0, 0}}, {"b", {2}, {3, 4}}};
    pack_weights(file);
    REQUIRE(file.tensors.size() == 3);
    CHECK(file.bytes == std::set<std::string>{"w"});
    CHECK(file.tensors.back().name == "w");  // behind all floats, which stay aligned
    CHECK(file.tensors.back().values == std::vector<float>{127, -64, 33, 0, 0, 0});
    CHECK(unpacked_shapes(file).size() == 2);
    TensorFile other = file;
    unpack_weights(file, "x");
    REQUIRE(file.tensors.size() == 2);
    CHECK(file.bytes.empty());
    const std::vector<float> expected{1, -64 / 127.0f, 33 / 127.0f, 0, 0, 0};
    for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(std::abs(file.tensors.back().values[i] - expected[i]) <= 1e-7f);
    std::erase_if(other.tensors, [](const NamedTensor& tensor) { return tensor.name == "w.scale"; });
    CHECK(kind_of([&] { unpack_weights(other, "x"); }) == ErrorKind::input);
    other.tensors.push_back({"w.scale", {1}, {1}});
    CHECK(kind_of([&] { unpack_weights(other, "x"); }) == ErrorKind::input);
}

TEST_CASE("model: one with 8-bit weights is smaller, stays so, and predicts nearly the same") {
    NullLog log;
    const Scratch scratch("packed");
    const auto backend = make_backend({"reference", 1, ""}).backend;
    Model model = fresh_model(*backend);
    save_model(scratch.file("plain"), model);
    model.packed = true;
    save_model(scratch.file("packed"), model);
    Model back = load_model(scratch.file("packed"), log);
    CHECK(back.packed);
    const auto expected = predict(model, *backend), got = predict(back, *backend);
    REQUIRE(got.size() == expected.size());
    CHECK(got != expected);
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(!(std::abs(got[i] - expected[i]) > 0.02f));
    save_model(scratch.file("again"), back);
    const auto size = [&](const char* name) { return std::filesystem::file_size(scratch.file(name)); };
    CHECK(size("again") == size("packed"));
    CHECK(size("packed") < size("plain"));
    CHECK(load_model(scratch.file("again"), log).packed);
}

TEST_CASE("model: a checkpoint's optimiser is left out") {
    const auto backend = make_backend({"reference", 1, ""}).backend;
    const Model model = fresh_model(*backend);
    TensorFile file = tensor_file_of(model);
    file.tensors.push_back({"adam.m.x", {1}, {1}});
    CHECK(model_of(file, "x").tensors.size() == model.tensors.size());
}

TEST_CASE("model: markers by name, glob and class") {
    const auto all = markers();
    CHECK(select_markers(all, {}) == std::vector<int>{0, 1, 2, 3});
    CHECK(select_markers(all, {"H3K4me3", "CTCF_a"}) == std::vector<int>{0, 2});
    CHECK(select_markers(all, {"CTCF*"}) == std::vector<int>{0, 1});
    CHECK(select_markers(all, {"class:DNase", "class:H*"}) == std::vector<int>{2, 3});
    CHECK(select_markers(all, {"DHS[1]"}) ==
          std::vector<int>{3});  // a name is a name, glob characters or not
    CHECK(select_markers(all, {"*_b", "*"}) == std::vector<int>{0, 1, 2, 3});
    CHECK(kind_of([&] { select_markers(all, {"CTCF_a", "ctcf*"}); }) == ErrorKind::usage);
    CHECK(kind_of([&] { select_markers(all, {"class:tfbs"}); }) == ErrorKind::usage);
    CHECK(kind_of([&] { select_markers(all, {""}); }) == ErrorKind::usage);
    // As an output shows a name, and as the sheet had it.
    const std::vector<Marker> spelled{
        {"B_(2)", "", "", "", 0}, {"a_b_c", "open chromatin", "", "", 0}, {"class:x", "y", "", "", 0}};
    CHECK(select_markers(spelled, {"B (2)"}) == std::vector<int>{0});
    CHECK(select_markers(spelled, {"B_(2)", "a/b;c"}) == std::vector<int>{0, 1});
    CHECK(select_markers(spelled, {"B *", "a=*"}) == std::vector<int>{0, 1});
    CHECK(select_markers(spelled, {"class:."}) == std::vector<int>{0});
    CHECK(select_markers(spelled, {"class:open chromatin"}) == std::vector<int>{1});
    CHECK(select_markers(spelled, {"class:x"}) == std::vector<int>{2});
    // Parts of a list with commas, as -k splits it.
    CHECK(select_markers(spelled, {"a", "b", "c"}) == std::vector<int>{1});
    CHECK(select_markers(spelled, {"B (2)", "a", "b", "c", "class:x"}) == std::vector<int>{0, 1, 2});
    CHECK(select_markers(spelled, {"a", "b*"}) == std::vector<int>{1});
    CHECK(kind_of([&] { select_markers(spelled, {"a", "b", "d"}); }) == ErrorKind::usage);
    const std::vector<Marker> alike{{"a", "", "", "", 0}, {"a_b", "", "", "", 0}, {"b", "", "", "", 0}};
    CHECK(select_markers(alike, {"a", "b"}) == std::vector<int>{0, 2});  // the list that it always was
    CHECK(select_markers(alike, {"a b", "b"}) == std::vector<int>{1, 2});
    CHECK(select_markers({alike[0], alike[1]}, {"a", "b"}) == std::vector<int>{1});
}

TEST_CASE("model: restricted to some markers it predicts the same for them") {
    const auto backend = make_backend({"reference", 1, ""}).backend;
    const Model model = fresh_model(*backend);
    const std::vector<float> all = predict(model, *backend);
    const Model some = restrict_markers(model, {1, 3});
    REQUIRE(some.markers.size() == 2);
    CHECK(some.markers[1].name == "DHS[1]");
    const std::vector<float> fewer = predict(some, *backend);
    REQUIRE(fewer.size() == 400);
    for (std::size_t i = 0; i < 200; ++i) {
        CHECK(fewer[i] == all[200 + i]);
        CHECK(fewer[200 + i] == all[600 + i]);
    }
    CHECK(kind_of([&] { restrict_markers(model, {4}); }) == ErrorKind::usage);
    CHECK(kind_of([&] { restrict_markers(model, {}); }) == ErrorKind::usage);
}

TEST_CASE("model: names that outputs cannot hold are spelled anew, and that is told") {
    class Told final : public Log {
      public:
        std::vector<std::string> texts;

      private:
        void write(LogLevel, const std::string& text) override { texts.push_back(text); }
    } log;
    const Scratch scratch("model-names");
    const auto backend = make_backend({"reference", 1, ""}).backend;
    Model model = fresh_model(*backend);
    save_model(scratch.file("plain"), model);
    load_model(scratch.file("plain"), log);
    CHECK(log.texts.empty());
    model.markers[0].name = "CTCF\tin\x7F";
    model.markers[1].cell = "K562\u0085\u2028\u202E";
    model.markers[2].target = "h\u00e9 \u03b1";  // letters of any script are printable
    model.reference[1].name = "chr\n2";
    save_model(scratch.file("m"), model);
    const Model back = load_model(scratch.file("m"), log);
    CHECK(back.markers[0].name == "CTCF_x09in_x7f");
    CHECK(back.markers[1].cell == "K562\\xc2\\x85\\xe2\\x80\\xa8\\xe2\\x80\\xae");
    CHECK(back.markers[2].target == model.markers[2].target);
    CHECK(back.reference[1].name == "chr\\x0a2");
    REQUIRE(log.texts.size() == 3);  // the second marker's cell, and the contig
    CHECK(log.texts[0] == scratch.file("m") + ": marker 'CTCF\\x09in\\x7f' is called CTCF_x09in_x7f here");
    model.markers[3].name = "CTCF x09in/x7f";  // what would be the same has a number
    save_model(scratch.file("m"), model);
    CHECK(load_model(scratch.file("m"), log).markers[3].name == "CTCF_x09in_x7f_2");
}

TEST_CASE("model: a negative running variance is refused") {
    NullLog log;
    const Scratch scratch("model-variance");
    Model model;
    model.spec = parse_spec(
        R"({"name": "normed", "window": 10, "layers": [{"name": "e", "type": "embedding", "filters": 4},
        {"name": "a", "type": "conv", "filters": 2, "width": 3, "norm": true}, {"name": "out", "type": "dense"}]})",
        "normed");
    model.markers = markers();
    model.summary = "{}";
    const auto backend = make_backend({"reference", 1, ""}).backend;
    Network network(model.spec, 4, *backend);
    network.initialise(5, std::vector<double>{0.002, 0.001, 0.01, 0.02});
    model.tensors = network.state();
    NamedTensor& variance =
        *std::find_if(model.tensors.begin(), model.tensors.end(),
                      [](const NamedTensor& t) { return t.name == "a.norm.running_var"; });
    for (const float value : {0.0f, -0.0f, 3e38f}) {
        variance.values[1] = value;
        save_model(scratch.file("m"), model);
        CHECK(load_model(scratch.file("m"), log).tensors.size() == model.tensors.size());
    }
    variance.values[1] = -1e-30f;
    save_model(scratch.file("m"), model);
    CHECK_THROWS_WITH_AS(
        load_model(scratch.file("m"), log),
        doctest::Contains("m: tensor 'a.norm.running_var' holds -1e-30 at element 1; a variance"), Error);
}

TEST_CASE("model: what is no model, or a damaged one, is refused") {
    NullLog log;
    const Scratch scratch("model-bad");
    const auto backend = make_backend({"reference", 1, ""}).backend;
    const Model model = fresh_model(*backend);
    save_model(scratch.file("m"), model);
    std::string bytes = scratch.text("m");
    bytes[bytes.size() - 3] = static_cast<char>(bytes[bytes.size() - 3] ^ 1);  // a weight, by one bit
    scratch.write("flipped", bytes);
    CHECK(kind_of([&] { load_model(scratch.file("flipped"), log); }) == ErrorKind::input);

    const auto refuse = [&](const std::string& key, const std::string& text) {
        TensorFile file = tensor_file_of(model);
        if (text.empty())
            file.metadata.erase(key);
        else
            file.metadata[key] = text;
        CAPTURE(key);
        CAPTURE(text);
        CHECK(kind_of([&] { model_of(file, "x"); }) == ErrorKind::input);
    };
    for (const char* key :
         {"regkit.model", "regkit.spec", "regkit.markers", "regkit.reference", "regkit.summary"}) {
        refuse(key, "");
        refuse(key, "nonsense{");
        refuse(key, "7");
    }
    refuse("regkit.markers", "[]");
    refuse("regkit.markers", R"([{"name":"a"}])");
    refuse("regkit.markers",
           R"([{"name":"a","class":"","cell":"","target":"","prevalence":0},
               {"name":"a","class":"","cell":"","target":"","prevalence":0}])");
    refuse("regkit.markers", R"([{"name":"a","class":"","cell":"","target":"","prevalence":2}])");
    refuse("regkit.reference", R"([{"name":"a","length":"x","md5":""}])");
    for (const char* blocks : {R"("0123456789abcde")", R"("0123456789abcdefg")",
                               R"("0123456789abcdef0123456789abcdef")", R"("")", "7", "null"})
        refuse("regkit.reference",
               std::string(R"([{"name":"a","length":9,"md5":"","blocks":)") + blocks + "}]");
    refuse("regkit.sha256", "00");
}

TEST_CASE("model: tensors that are not those of the architecture are refused before memory is taken for it") {
    NullLog log;
    const Scratch scratch("model-tensors");
    const auto backend = make_backend({"reference", 1, ""}).backend;
    const Model model = fresh_model(*backend);
    const auto refused = [&](const TensorFile& file, const std::string& how) {
        write_safetensors(scratch.file("m"), file);
        try {
            load_model(scratch.file("m"), log);
            FAIL("no error");
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::input);
            CHECK(std::string(error.what()).starts_with(scratch.file("m") + ": tensor '" + how));
        }
    };
    TensorFile file = tensor_file_of(model);
    file.tensors.erase(file.tensors.begin());
    refused(file, "embed.weight' is missing");
    file = tensor_file_of(model);
    file.tensors.push_back({"extra", {1}, {0}});
    refused(file, "extra' belongs to no layer");
    // Four terabytes of weights.
    file = tensor_file_of(model);
    file.metadata["regkit.spec"] =
        R"({"name": "huge", "layers": [{"name": "e", "type": "embedding", "filters": 4},
        {"name": "a", "type": "conv", "filters": 1048576, "width": 1},
        {"name": "b", "type": "conv", "filters": 1048576, "width": 1}, {"name": "out", "type": "dense"}]})";
    write_safetensors(scratch.file("m"), file);
    CHECK_THROWS_WITH_AS(load_model(scratch.file("m"), log),
                         doctest::Contains("m: layer 'b': with it the model has"), Error);
}
