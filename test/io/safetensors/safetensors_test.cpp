#include "io/safetensors/safetensors.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "io/files/sha256.hpp"
#include "kernels/base/error.hpp"

using namespace regkit;

namespace {

struct Scratch {
    std::filesystem::path directory =
        std::filesystem::temp_directory_path() / ("regkit-safetensors-" + std::to_string(getpid()));
    Scratch() { std::filesystem::create_directories(directory); }
    ~Scratch() { std::filesystem::remove_all(directory); }
    std::string file(const std::string& name) const { return (directory / name).string(); }
};

void write_bytes(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

std::string read_bytes(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string with_header(const std::string& json, const std::string& data, std::uint64_t length) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    return bytes + json + data;
}
std::string with_header(const std::string& json, const std::string& data) {
    return with_header(json, data, json.size());
}

std::string floats(std::initializer_list<float> values) {
    std::string bytes;
    for (const float value : values) {
        char raw[4];
        std::memcpy(raw, &value, 4);
        bytes.append(raw, 4);
    }
    return bytes;
}

// The message of the Error(input) that reading these bytes gives; fails the test when there is none.
std::string refusal(const std::string& path, const std::string& bytes) {
    write_bytes(path, bytes);
    try {
        read_safetensors(path);
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::input);
        CHECK(std::string(error.what()).starts_with(path));
        return error.what();
    }
    FAIL("accepted: ", bytes.substr(8, 200));
    return {};
}

TensorFile sample() {
    TensorFile file;
    file.metadata = {{"format", "pt"}, {"note", "tab\t quote\" \xC3\xA9"}};
    file.tensors = {
        {"b.weight", {2, 3}, {1, -2, 3.5f, 0, 1e-40f, -0.0f}}, {"a", {}, {7}}, {"c", {1, 1, 2}, {8, 9}}};
    return file;
}

}  // namespace

TEST_CASE("safetensors: whole numbers in a byte each") {
    const Scratch scratch;
    TensorFile file = sample();
    file.tensors.push_back({"q", {2, 2}, {-128, 127, 0, -1}});
    file.bytes = {"q"};
    write_safetensors(scratch.file("q"), file);
    const TensorFile back = read_safetensors(scratch.file("q"));
    CHECK(back.bytes == file.bytes);
    CHECK(back.tensors.back().values == file.tensors.back().values);
    const std::string bytes = read_bytes(scratch.file("q"));
    CHECK(bytes.ends_with(std::string("\x80\x7f\0\xff", 4)));
    CHECK(bytes.find(R"("q":{"dtype":"I8","shape":[2,2],"data_offsets":[36,40]})") != std::string::npos);
    for (const float wrong : {0.5f, 128.0f, -129.0f}) {
        file.tensors.back().values[1] = wrong;
        CHECK_THROWS_AS(write_safetensors(scratch.file("w"), file), Error);
    }
    CHECK(!std::filesystem::exists(scratch.file("w")));
    CHECK(refusal(scratch.file("r"),
                  with_header(R"({"a":{"dtype":"I8","shape":[3],"data_offsets":[0,4]}})", "1234"))
              .find("does not match its 4 bytes") != std::string::npos);
}

TEST_CASE("safetensors: what is written is read back, bit for bit and in order") {
    const Scratch scratch;
    const TensorFile file = sample();
    write_safetensors(scratch.file("a"), file);
    write_safetensors(scratch.file("b"), file);
    CHECK(read_bytes(scratch.file("a")) == read_bytes(scratch.file("b")));
    CHECK(sha256_file(scratch.file("a")) == sha256_file(scratch.file("b")));
    const TensorFile back = read_safetensors(scratch.file("a"));
    CHECK(back.metadata == file.metadata);
    REQUIRE(back.tensors.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(back.tensors[i].name == file.tensors[i].name);
        CHECK(back.tensors[i].shape == file.tensors[i].shape);
        REQUIRE(back.tensors[i].values.size() == file.tensors[i].values.size());
        for (std::size_t j = 0; j < back.tensors[i].values.size(); ++j)
            CHECK(std::bit_cast<std::uint32_t>(back.tensors[i].values[j]) ==
                  std::bit_cast<std::uint32_t>(file.tensors[i].values[j]));
    }
    std::uint64_t header = 0;
    std::memcpy(&header, read_bytes(scratch.file("a")).data(), 8);
    CHECK(header % 8 == 0);
}

TEST_CASE("safetensors: SHA-256 of a file and of its content") {
    const Scratch scratch;
    write_bytes(scratch.file("abc"), "abc");  // FIPS 180-4's example
    CHECK(sha256_file(scratch.file("abc")) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    TensorFile file = sample();
    const std::string digest = content_sha256(file, "sum");
    file.metadata["sum"] = digest;
    CHECK(content_sha256(file, "sum") == digest);
    file.tensors[0].values[1] = -2.0000002f;
    CHECK(content_sha256(file, "sum") != digest);
    CHECK_THROWS_AS(sha256_file(scratch.file("absent")), Error);
}

TEST_CASE("safetensors: nothing is written that could not be read") {
    const Scratch scratch;
    const auto refuse = [&](const TensorFile& file) {
        CHECK_THROWS_AS(write_safetensors(scratch.file("x"), file), Error);
        CHECK(!std::filesystem::exists(scratch.file("x")));
    };
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
        TensorFile file = sample();
        file.tensors[2].values[1] = bad;
        refuse(file);
    }
    TensorFile twice = sample();
    twice.tensors[1].name = "c";
    refuse(twice);
    TensorFile short_one = sample();
    short_one.tensors[0].values.pop_back();
    refuse(short_one);
}

TEST_CASE("safetensors: hostile headers are refused with a reason") {
    const Scratch scratch;
    const std::string path = scratch.file("x.safetensors");
    const std::string one = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
    const std::string four = floats({1});
    write_bytes(path, with_header("{" + one + "}  ", four));
    CHECK(read_safetensors(path).tensors.at(0).values.at(0) == 1);

    struct Case {
        std::string json, data, says;
    };
    const std::vector<Case> cases = {
        {"", "", "not a safetensors file"},
        {"[]", "", "not a safetensors file"},
        {"{", "", "no valid JSON"},
        {"{" + one + "}x", four, "no valid JSON"},
        {"{" + one + "," + one + "}", four, "tensor 'a' twice"},
        {R"({"__metadata__":{},"__metadata__":{}})", "", "__metadata__ twice"},
        {R"({"__metadata__":{"k":"1","k":"2"}})", "", "'k' twice"},
        {R"({"__metadata__":{"k":1}})", "", "a number"},
        {R"({"__metadata__":{"k":{}}})", "", "an object"},
        {R"({"__metadata__":[]})", "", "a list"},
        {R"({"a":[]})", "", "a list"},
        {R"({"a":null})", "", "null"},
        {R"({"a":{"dtype":"F32","shape":[1]}})", four, "lacks"},
        {R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", four, "twice"},
        {R"({"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", four, "only F32"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", four, "unknown key"},
        {R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", four, "a list"},
        {R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})", four, "a text"},
        {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", four, "negative"},
        {R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", four, "no whole number"},
        {R"({"a":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}})", four, "true or false"},
        {R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})", "", "dimension of 0"},
        {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", four,
         "out of range"},
        {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", four, "8 dimensions"},
        // 2^32 * 2^32 * 2^0 bytes wrap to 0; 2^62 + 1 floats wrap to 4
        {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})", four,
         "does not match"},
        {R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})", four,
         "does not match"},
        {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", four, "does not match"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", four, "two numbers"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", four, "a number"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", four, "gap"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", four + four, "gap"},
        {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}})", four,
         "truncated, or damaged"},
        {"{" + one + R"(,"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", four, "overlaps"},
        {"{" + one + "}", four + "x", "1 bytes behind"},
        {"{" + one + "}", floats({}), "truncated, or damaged"},
        {R"({"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", four, "without a name"},
        {"{\"a\xFF\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", four, "no valid JSON"},
        {"{" + one + "}", floats({std::nanf("")}), "nan"},
        {"{" + one + "}", floats({-std::numeric_limits<float>::infinity()}), "inf"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.json);
        const std::string message = refusal(path, with_header(c.json, c.data));
        CHECK_MESSAGE(message.find(c.says) != std::string::npos, message);
    }
    refusal(path, "");
    refusal(path, "1234567");
    for (const std::uint64_t length :
         {std::uint64_t{0}, std::uint64_t{17} << 20, ~std::uint64_t{0}, std::uint64_t{60}})
        refusal(path, with_header("{}", "", length));
    // Deep nesting must not cost stack or time.
    refusal(path, with_header("{\"a\":" + std::string(1 << 20, '['), ""));
    CHECK_THROWS_AS(read_safetensors(scratch.file("absent")), Error);
    CHECK_THROWS_AS(read_safetensors(scratch.directory.string()), Error);
}

TEST_CASE("safetensors: any damage to a file is an Error or another valid file, never a crash") {
    const Scratch scratch;
    const std::string path = scratch.file("x.safetensors");
    write_safetensors(path, sample());
    const std::string good = read_bytes(path);
    std::mt19937 random(7);
    int refused = 0;
    for (int i = 0; i < 3000; ++i) {
        std::string bytes = good;
        const int edits = 1 + static_cast<int>(random() % 3);
        for (int e = 0; e < edits; ++e) {
            const std::size_t at = random() % bytes.size();
            switch (random() % 4) {
                case 0:
                    bytes[at] = static_cast<char>(random());
                    break;
                case 1:
                    bytes.erase(at, 1 + random() % 8);
                    break;
                case 2:
                    bytes.insert(at, 1 + random() % 8, "0[]{}\",9"[random() % 8]);
                    break;
                default:
                    bytes.resize(at);
                    break;
            }
            if (bytes.empty()) break;
        }
        write_bytes(path, bytes);
        try {
            const TensorFile file = read_safetensors(path);
            for (const NamedTensor& tensor : file.tensors)
                for (const float value : tensor.values) REQUIRE(std::isfinite(value));
        } catch (const Error& error) {
            REQUIRE(error.kind() == ErrorKind::input);
            ++refused;
        }
    }
    CHECK(refused > 2000);
}
