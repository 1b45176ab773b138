#include "io/files/bgzf_writer.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <random>

#include "kernels/base/error.hpp"
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
    REQUIRE(std::system(("cd " + dir.path("") +
                         " && bgzip -dc t.tsv.gz > t.tsv && tabix t.tsv.gz chr1:49999-60000 > hit")
                            .c_str()) == 0);
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

TEST_CASE("a file that may not grow further says so, whichever thread wrote") {
    const Scratch dir;
    std::mt19937 random(1);
    std::string text(std::size_t{4} << 20, '\0');
    for (char& c : text) c = static_cast<char>('!' + random() % 90);
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // as cli does
    const rlimit low{1 << 16, before.rlim_max};
    for (const int workers : {1, 3}) {
        CAPTURE(workers);
        REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
        std::string said;
        try {
            BgzfWriter writer(dir.path("t.gz"), -1, workers);
            writer.write(text);
            writer.commit();
        } catch (const Error& error) {
            said = error.what();
        }
        REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
        CHECK(said == dir.path("t.gz") + ": cannot write: File too large");
    }
    std::signal(SIGXFSZ, handler);
    CHECK(dir.names().empty());
}
