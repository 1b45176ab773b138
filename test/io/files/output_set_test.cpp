#include "io/files/output_set.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "io/files/bgzf_block.hpp"
#include "io/files/bgzf_writer.hpp"
#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

namespace fs = std::filesystem;
using namespace regkit;
using regkit::test::Scratch;

namespace {

AtomicFile holding(const std::string& path, const std::string& text) {
    AtomicFile file(path);
    file.write(text);
    return file;
}

}  // namespace

TEST_CASE("outputs of a run appear together, or none of them") {
    const Scratch dir;
    dir.write("a", "old");
    {
        OutputSet outputs;
        outputs.add(holding(dir.path("a"), "new"));
        outputs.add(holding(dir.path("b"), "new"));
        CHECK(dir.read("a") == "old");
        CHECK_FALSE(fs::exists(dir.path("b")));
    }
    CHECK(dir.names() == std::vector<std::string>{"a"});
    CHECK(dir.read("a") == "old");
    OutputSet outputs;
    outputs.add(holding(dir.path("a"), "new"));
    outputs.add(holding(dir.path("b"), "new"));
    outputs.commit();
    CHECK(dir.names() == std::vector<std::string>{"a", "b"});
    CHECK(dir.read("a") == "new");
}

TEST_CASE("what is complete is on the disk before the next output is begun") {
    const Scratch dir;
    OutputSet outputs;
    AtomicFile first = holding(dir.path("a"), "all of it");
    const std::string temporary = first.temp_path();
    outputs.add(std::move(first));
    CHECK(fs::file_size(temporary) == 9);
}

TEST_CASE("an old description goes with the data that it was of") {
    const Scratch dir;
    for (const char* name : {"a.bw", "a.bw.json", "b.bw.json", "c.json"}) dir.write(name, "old");
    {
        OutputSet outputs;
        outputs.add_described(holding(dir.path("a.bw"), "new"), ".json");
    }
    CHECK(dir.read("a.bw.json") == "old");
    OutputSet outputs;
    outputs.add_described(holding(dir.path("a.bw"), "new"), ".json");
    outputs.add_described(holding(dir.path("b.bw"), "new"), ".json");
    outputs.add(holding(dir.path("b.bw.json"), "new"));
    outputs.commit();
    CHECK(dir.names() == std::vector<std::string>{"a.bw", "b.bw", "b.bw.json", "c.json"});
    CHECK(dir.read("b.bw.json") == "new");
}

TEST_CASE("an old index goes before its data are replaced") {
    const Scratch dir;
    fs::create_directory(dir.path("elsewhere"));
    dir.write("elsewhere/x.gz.csi", "old");
    for (const char* name : {"x.gz", "x.gz.tbi", "x.gz.gzi", "link.gz.tbi", "other.gz.tbi"})
        dir.write(name, "old");
    fs::create_symlink("elsewhere/x.gz.csi", dir.path("x.gz.csi"));
    fs::create_symlink("x.gz", dir.path("link.gz"));
    {
        OutputSet outputs;
        outputs.add_indexable(holding(dir.path("link.gz"), "new"));
        CHECK(fs::exists(dir.path("x.gz.tbi")));  // until all is complete
        outputs.commit();
    }
    CHECK(dir.read("x.gz") == "new");
    for (const char* name : {"x.gz.tbi", "x.gz.gzi", "link.gz.tbi", "elsewhere/x.gz.csi"})
        CHECK_FALSE(fs::exists(dir.path(name)));
    CHECK(fs::exists(dir.path("other.gz.tbi")));
}

TEST_CASE("what has no index takes away that of the compressed file which it replaces, and no other") {
    const Scratch dir;
    dir.write("x.vcf", "\x1f\x8b and so on");
    dir.write("plain.vcf", "\x1f");
    fs::create_symlink("x.vcf", dir.path("link.vcf"));
    for (const char* name : {"x.vcf.tbi", "link.vcf.csi", "plain.vcf.tbi", "new.vcf.tbi"})
        dir.write(name, "old");
    OutputSet outputs;
    for (const char* name : {"link.vcf", "plain.vcf", "new.vcf"})
        outputs.add(holding(dir.path(name), "##fileformat"));
    outputs.commit();
    CHECK(dir.names() == std::vector<std::string>{"link.vcf", "new.vcf", "new.vcf.tbi", "plain.vcf",
                                                  "plain.vcf.tbi", "x.vcf"});
}

TEST_CASE("new data never stand beside an old index, however the commit ends") {
    const Scratch dir;
    dir.write("x.gz", "old");
    dir.write("x.gz.tbi", "old");
    OutputSet outputs;
    AtomicFile data = holding(dir.path("x.gz"), "new"), index = holding(dir.path("x.gz.tbi"), "new");
    const std::string lost = data.temp_path();
    outputs.add_indexable(std::move(data));
    outputs.add(std::move(index));
    SUBCASE("the data cannot get their name") {
        fs::remove(lost);  // as somebody who cleans up might do
        CHECK_THROWS_AS(outputs.commit(), Error);
        CHECK(dir.read("x.gz") == "old");
        CHECK_FALSE(fs::exists(dir.path("x.gz.tbi")));
    }
    SUBCASE("the old index cannot be removed") {
        fs::remove(dir.path("x.gz.tbi"));
        fs::create_directory(dir.path("x.gz.tbi"));
        CHECK_THROWS_AS(outputs.commit(), Error);
        CHECK(dir.read("x.gz") == "old");
    }
}

TEST_CASE("an output that cannot get its name says which ones have theirs") {
    const Scratch dir;
    OutputSet outputs;
    outputs.add(holding(dir.path("a"), "new"));
    AtomicFile second = holding(dir.path("b"), "new");
    fs::remove(second.temp_path());
    outputs.add(std::move(second));
    CHECK_THROWS_WITH_AS(outputs.commit(), doctest::Contains("/a are in place"), Error);
}

TEST_CASE("a stream ends after all else is in place, whatever the order") {
    const Scratch dir;
    const std::string path = dir.path("pipe");
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    for (const bool compressed : {true, false})
        for (const bool fails : {true, false}) {
            const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
            REQUIRE(reader >= 0);
            {
                OutputSet outputs;
                if (compressed) {
                    BgzfWriter writer(path);
                    writer.write("chr1\t1\n");
                    writer.add_to(outputs);
                } else {
                    outputs.add(holding(path, "a table\n"));
                }
                AtomicFile second = holding(dir.path("b"), "new");
                if (fails) fs::remove(second.temp_path());
                outputs.add(std::move(second));
                if (fails)
                    CHECK_THROWS_AS(outputs.commit(), Error);
                else
                    outputs.commit();
            }
            std::string got(1 << 16, '\0');
            const ssize_t size = read(reader, got.data(), got.size());
            got.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
            close(reader);
            CHECK(got.ends_with(compressed ? std::string(bgzf_end_block()) : "a table\n") == !fails);
        }
    OutputSet outputs;
    outputs.add(holding("/dev/full", "new"));
    outputs.add(holding(dir.path("a"), "new"));
    CHECK_THROWS_WITH_AS(outputs.commit(), doctest::Contains("/a are in place"), Error);
}

TEST_CASE("blocks of an output that failed have no end") {
    const Scratch dir;
    const std::string path = dir.path("pipe");
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    for (const int workers : {1, 2})
        for (const bool fails : {true, false}) {
            const int reader = open(path.c_str(), O_RDONLY | O_NONBLOCK);
            REQUIRE(reader >= 0);
            {
                BgzfWriter writer(path, -1, workers);
                writer.write("chr1\t1\n");
                if (!fails) writer.commit();
            }
            std::string got(1 << 16, '\0');
            const ssize_t size = read(reader, got.data(), got.size());
            got.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
            close(reader);
            CHECK(got.ends_with(std::string(bgzf_end_block())) == !fails);
        }
}
