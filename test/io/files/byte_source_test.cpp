#include "io/files/byte_source.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include "io/files/bgzf_block.hpp"
#include "io/files/bgzf_writer.hpp"
#include "io/files/text_reader.hpp"
#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using regkit::ByteSource;
using regkit::Error;
using regkit::LineReader;
using regkit::test::Scratch;

namespace {

std::string read_all(const std::string& path) {
    ByteSource source(path);
    std::string all;
    for (auto chunk = source.next(); !chunk.empty(); chunk = source.next()) all += chunk;
    CHECK(source.next().empty());
    return all;
}

std::string text() {
    std::string text;
    for (int i = 0; i < 40000; ++i) text += "line " + std::to_string(i * 7919 % 10007) + "\n";
    return text;
}

std::string gzip(const std::string& content) {
    z_stream z{};
    deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&z, content.size()) + 64, '\0');
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    z.avail_in = static_cast<uInt>(content.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    deflate(&z, Z_FINISH);
    out.resize(out.size() - z.avail_out);
    deflateEnd(&z);
    return out;
}

std::string bgzf(const std::string& content) {
    const Scratch dir;
    regkit::BgzfWriter writer(dir.path("x.gz"));
    writer.write(content);
    writer.commit();
    return dir.read("x.gz");
}

}  // namespace

TEST_CASE("plain, gzip and BGZF give the same bytes") {
    const Scratch dir;
    CHECK(read_all(dir.write("plain", text())) == text());
    CHECK(read_all(dir.write("gz", gzip(text()))) == text());
    CHECK(read_all(dir.write("members", gzip(text()) + gzip("") + gzip("tail"))) == text() + "tail");
    CHECK(read_all(dir.write("bgz", bgzf(text()))) == text());
    CHECK(read_all(dir.write("joined", bgzf(text()) + bgzf("tail"))) == text() + "tail");
    CHECK(read_all(dir.write("empty", "")).empty());
    CHECK(read_all(dir.write("empty.gz", gzip(""))).empty());
    CHECK(read_all(dir.write("empty.bgz", bgzf(""))).empty());
    CHECK(read_all(dir.write("one", "\x1f")) == "\x1f");
}

TEST_CASE("blocks state their size and are checked whole") {
    const std::string end(regkit::bgzf_end_block());
    CHECK(bgzf("") == end);
    CHECK(regkit::bgzf_block_size(end) == 28);
    CHECK(regkit::bgzf_block_size(end.substr(0, 17)) == 0);
    CHECK(regkit::bgzf_block_size(gzip("x")) == 0);
    std::string content = "old";
    CHECK(regkit::BgzfInflater().inflate(end, content));
    CHECK(content.empty());
    CHECK_FALSE(regkit::BgzfInflater().inflate(end.substr(0, 27), content));
    // Bytes that cannot be compressed.
    const Scratch dir;
    std::string noise(200000, '\0');
    std::uint32_t state = 1;
    for (char& c : noise) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    CHECK(read_all(dir.write("noise", bgzf(noise))) == noise);
}

TEST_CASE("every truncation of compressed data is an error") {
    const Scratch dir;
    const std::string content = text().substr(0, 70000);
    for (const std::string& whole : {gzip(content), bgzf(content)})
        for (std::size_t size = 3; size < whole.size();
             size += size < 40 || size + 60 > whole.size() ? 1 : 997) {
            const std::string path = dir.write("cut", whole.substr(0, size));
            CHECK_THROWS_AS_MESSAGE(read_all(path), Error, size);
        }
}

TEST_CASE("every flipped byte of content and checksum is an error") {
    const Scratch dir;
    const std::string content = "chr1\t1\t2\nchr1\t5\t9\n";
    const std::string whole = bgzf(content);
    for (std::size_t at = regkit::kBgzfHeader; at + 28 < whole.size(); ++at) {
        std::string bad = whole;
        bad[at] = static_cast<char>(bad[at] ^ 0x55);
        CHECK_THROWS_AS_MESSAGE(read_all(dir.write("bad", bad)), Error, at);
    }
    std::string bad = gzip(content);
    bad[bad.size() - 6] = static_cast<char>(bad[bad.size() - 6] ^ 1);
    CHECK_THROWS_AS(read_all(dir.write("bad", bad)), Error);
    for (const std::string& good : {gzip(content), bgzf(content)})
        CHECK_THROWS_AS(read_all(dir.write("garbage", good + "garbage")), Error);
    CHECK_THROWS_AS(read_all(dir.path("absent")), Error);
    CHECK_THROWS_AS(read_all(dir.path("")), Error);
}

TEST_CASE("lines are counted, joined across chunks and held to text") {
    const Scratch dir;
    const std::string lines = text();
    LineReader reader(dir.write("bgz", bgzf(lines)));
    std::string joined;
    std::int64_t count = 0;
    for (std::string_view line; reader.next(line); ++count) joined += std::string(line) + "\n";
    CHECK(joined == lines);
    CHECK(count == 40000);
    CHECK(reader.line_number() == 40000);

    const auto read = [&](const std::string& content) {
        LineReader one(dir.write("text", content));
        std::string all;
        for (std::string_view line; one.next(line);) all += std::string(line) + "|";
        return all;
    };
    CHECK(read("a\r\nb\n\nc") == "a|b||c|");
    CHECK(read("") == "");
    CHECK(read("#\xc3\xa9\n") == "#\xc3\xa9|");
    CHECK(read(std::string(1 << 20, 'x')).size() == (1 << 20) + 1);
    CHECK_THROWS_WITH_AS(read("a\nb\xc3\n"), (dir.path("text") + ":2: byte outside ASCII").c_str(), Error);
    CHECK_THROWS_AS(read(std::string("#a\0b\n", 5)), Error);
    CHECK_THROWS_AS(read(std::string((1 << 20) + 1, 'x')), Error);
}
