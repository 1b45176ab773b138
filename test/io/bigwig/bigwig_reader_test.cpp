// That files of another writer are read right is for app/dataset_labels_oracle.py to say.
#include "io/bigwig/bigwig_reader.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "io/bigwig/bigwig_writer.hpp"
#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;

namespace {

struct Entry {
    std::string contig;
    std::int64_t begin, end;
    float value;
    bool operator==(const Entry&) const = default;
};

std::vector<Entry> read_all(const std::string& path) {
    BigWigReader reader(path);
    std::vector<Entry> entries;
    reader.read([&](const BigWigReader::Value& at) {
        entries.push_back(
            {reader.contigs()[static_cast<std::size_t>(at.contig)].name, at.begin, at.end, at.value});
    });
    return entries;
}

// Values of single bases on two of three contigs, many blocks.
std::string make_file(const test::Scratch& scratch, std::vector<Entry>& entries) {
    std::mt19937 random(2);
    Spool spool;
    ThreadPool pool(1);
    const std::string path = scratch.path("t.bw");
    BigWigWriter writer(path, spool, {});
    for (const char* name : {"one", "empty", "three"}) writer.file().add_contig(name, 40000);
    for (const int contig : {0, 2})
        for (std::int64_t at = 7; at + 300 < 40000; at += 400) {
            std::vector<float> values;
            for (int i = 0; i < 300; ++i) {
                values.push_back(static_cast<float>(random() % 1000) + 0.5f);
                entries.push_back({contig == 0 ? "one" : "three", at + i, at + i + 1, values.back()});
            }
            writer.add(contig, at, 1, values);
        }
    writer.finish(pool);
    writer.file().commit();
    return path;
}

}  // namespace

TEST_CASE("what our own writer wrote comes back") {
    const test::Scratch scratch;
    std::vector<Entry> expected;
    const std::string path = make_file(scratch, expected);
    CHECK(is_bigwig(path));
    CHECK(read_all(path) == expected);
    CHECK(BigWigReader(path).contigs().size() == 3);
    CHECK_FALSE(is_bigwig(scratch.write("text", "chr1\t0\t1\t2\n")));
    CHECK_FALSE(is_bigwig(scratch.write("short", "a")));
    CHECK_FALSE(is_bigwig(scratch.path("absent")));
    CHECK_FALSE(is_bigwig("/dev/null"));
    CHECK_THROWS_WITH_AS(is_bigwig(scratch.write("swapped", "\x88\x8f\xfc\x26")),
                         doctest::Contains("big-endian"), Error);
    CHECK_THROWS_WITH_AS(is_bigwig(scratch.write("bigbed", "\xeb\xf2\x89\x87")), doctest::Contains("bigBed"),
                         Error);
}

TEST_CASE("damaged bigWig files are errors or other values, never worse") {
    const test::Scratch scratch;
    std::vector<Entry> expected;
    const std::string good = scratch.read(make_file(scratch, expected).substr(scratch.path("").size()));
    std::mt19937 random(9);
    int refused = 0;
    const auto attempt = [&](const std::string& bytes) -> std::vector<Entry> {
        const std::string path = scratch.write("bad.bw", bytes);
        try {
            return read_all(path);
        } catch (const Error& error) {
            ++refused;
            CHECK_MESSAGE(error.kind() == ErrorKind::input, error.what());
            CHECK_MESSAGE(std::strstr(error.what(), "bad.bw") != nullptr, error.what());
            return std::vector<Entry>{};
        }
    };
    for (int round = 0; round < 100; ++round) {
        const int before = refused;
        attempt(good.substr(0, random() % good.size()));
        CHECK(refused > before);
    }
    refused = 0;
    for (int round = 0; round < 600; ++round) {
        std::string bytes = good;
        // Mostly where the header and the trees are.
        for (unsigned i = 0; i <= random() % 3; ++i) {
            const auto where = round % 3 == 0   ? random() % bytes.size()
                               : round % 3 == 1 ? random() % 700
                                                : bytes.size() - 1 - random() % 9000;
            bytes[where] = static_cast<char>(random() % 3 == 0 ? 255 : random() % 256);
        }
        attempt(bytes);
    }
    CHECK(refused > 200);
}

TEST_CASE("a bigWig whose end is missing is told as cut, although values are all there") {
    const test::Scratch scratch;
    std::vector<Entry> expected;
    std::string bytes = scratch.read(make_file(scratch, expected).substr(scratch.path("").size()));
    for (const std::size_t less : {1u, 4u, 5u, 500u})
        CHECK_THROWS_WITH_AS(read_all(scratch.write("cut.bw", bytes.substr(0, bytes.size() - less))),
                             doctest::Contains("cut.bw: truncated: "), Error);
    // Before version 4 nothing ended a file: it is whole when its zoom levels are.
    bytes[4] = 3;
    CHECK(read_all(scratch.write("old.bw", bytes)) == expected);
    CHECK(read_all(scratch.write("old.bw", bytes.substr(0, bytes.size() - 4))) == expected);
    for (const std::size_t less : {5u, 500u})
        CHECK_THROWS_WITH_AS(read_all(scratch.write("old.bw", bytes.substr(0, bytes.size() - less))),
                             doctest::Contains("old.bw: truncated: "), Error);
}

TEST_CASE("an index that points back at itself ends") {
    const test::Scratch scratch;
    std::vector<Entry> expected;
    std::string bytes = scratch.read(make_file(scratch, expected).substr(scratch.path("").size()));
    std::uint64_t root = 0;
    std::memcpy(&root, bytes.data() + 24, sizeof root);
    root += 48;
    // An inner node with two children, both itself.
    const std::uint16_t count = 2;
    bytes[root] = 0;
    std::memcpy(bytes.data() + root + 2, &count, sizeof count);
    for (const std::uint64_t child : {root + 4 + 16, root + 4 + 24 + 16})
        std::memcpy(bytes.data() + child, &root, sizeof root);
    CHECK_THROWS_WITH_AS(read_all(scratch.write("loop.bw", bytes)), doctest::Contains("runs in circles"),
                         Error);
}
