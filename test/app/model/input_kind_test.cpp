#include "app/model/input_kind.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>

#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;

TEST_CASE("file kinds: by content, whatever the name says") {
    const test::Scratch dir;
    const auto kind = [&](const std::string& content) { return file_kind(dir.write("x.fa", content)); };
    CHECK(kind(">chr1\nACGT\n") == FileKind::fasta);
    CHECK(kind("\n\r\n>chr1\nACGT\n") == FileKind::fasta);
    CHECK(kind("chr1\t10\t20\n") == FileKind::intervals);
    CHECK(kind("#c\ntrack name=x\nbrowser position chr1\nchr1 10 20 peak\n") == FileKind::intervals);
    CHECK(kind("chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\t-1\n") == FileKind::intervals);
    CHECK(kind("chr1\t10\t20\t0.5\n") == FileKind::bed_graph);
    CHECK(kind("track type=wiggle_0\nfixedStep chrom=chr1 start=1 step=1\n1\n") == FileKind::wiggle);
    CHECK(kind("##fileformat=VCFv4.2\n") == FileKind::variants);
    CHECK(kind(std::string("BCF\2\2", 5)) == FileKind::variants);
    CHECK(kind("@HD\tVN:1.6\n") == FileKind::alignments);
    CHECK(kind("\x26\xfc\x8f\x88rest") == FileKind::bigwig);
    CHECK(kind("\x87\x89\xf2\xebrest") == FileKind::bigbed);
    CHECK(kind(std::string("\2\0\0\0\0\0\0\0{}", 10)) == FileKind::model);
    CHECK(kind(std::string("\3\0\0\0\0\0\0\0{}", 10)) == FileKind::unknown);  // longer than the file
    CHECK(kind("{\"name\": \"x\"}") == FileKind::json);
    CHECK(kind("name\tclass\tpeaks\na\tb\tc.bed\n") == FileKind::sheet);
    CHECK(kind("#name\tpeaks\n") == FileKind::sheet);
    for (const char* unknown :
         {"", "\n", "ACGT\n", "chr1\t10\n", "chr1\tx\ty\n", "chr1\t-5\t20\n", "\x1f\x8bgarbage"})
        CHECK_MESSAGE(kind(unknown) == FileKind::unknown, unknown);
}

TEST_CASE("file kinds: folders, what is not there, and a FIFO, which is not opened") {
    const test::Scratch dir;
    std::filesystem::create_directory(dir.path("d"));
    CHECK(file_kind(dir.path("d")) == FileKind::folder);
    dir.write("d/dataset.json", "{}");
    CHECK(file_kind(dir.path("d")) == FileKind::dataset);
    CHECK(file_kind(dir.path("absent")) == FileKind::unknown);
    REQUIRE(mkfifo(dir.path("fifo").c_str(), 0600) == 0);
    CHECK(file_kind(dir.path("fifo")) == FileKind::unknown);

    CHECK_NOTHROW(require_kind(dir.path("absent"), {FileKind::fasta}, "-f takes FASTA"));
    CHECK_NOTHROW(require_kind(dir.path("d"), {FileKind::dataset}, "-d takes it"));
    try {
        require_kind(dir.path("d"), {FileKind::fasta}, "-f takes FASTA");
        FAIL("taken");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::input);
        CHECK(error.what() == dir.path("d") + ": this is a data set; -f takes FASTA");
    }
}
