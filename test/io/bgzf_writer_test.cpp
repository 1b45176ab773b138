#include "io/bgzf_writer.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include "base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;
using regkit::test::Scratch;

TEST_CASE("bgzip text reads back with bgzip and tabix") {
    const Scratch dir;
    std::string text = "#contig\tpos\n";
    for (int i = 1; i <= 50000; ++i) text += "chr1\t" + std::to_string(i) + "\n";
    BgzfWriter writer(dir.path("t.tsv.gz"));
    writer.write(text);
    CHECK(dir.names().size() == 1);  // the temporary
    writer.commit_indexed({}, 50000);
    CHECK(dir.names() == std::vector<std::string>{"t.tsv.gz", "t.tsv.gz.tbi"});
    REQUIRE(std::system(("cd " + dir.path("") + " && bgzip -dc t.tsv.gz > t.tsv && tabix t.tsv.gz chr1:49999-60000 > hit").c_str()) == 0);
    CHECK(dir.read("t.tsv") == text);
    CHECK(dir.read("hit") == "chr1\t49999\nchr1\t50000\n");
}

TEST_CASE("unsorted text gets no index and no file") {
    const Scratch dir;
    {
        BgzfWriter writer(dir.path("t.tsv.gz"));
        writer.write("chr1\t5\nchr1\t4\n");
        CHECK_THROWS_AS(writer.commit_indexed({}, 10), Error);
    }
    CHECK(dir.names().empty());
}
