#include "io/fasta/fasta.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "io/fasta/contig_alias.hpp"
#include "io/fasta/fasta_index.hpp"
#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using regkit::Error;
using regkit::ErrorKind;
using regkit::FastaFile;
using regkit::FastaStream;
using regkit::test::Scratch;

namespace {

std::string read(FastaFile& fasta, int contig, std::int64_t begin, std::int64_t end) {
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(end - begin));
    fasta.read(contig, begin, end, codes);
    std::string text;
    for (const auto code : codes) text += regkit::decode_base(code);
    return text;
}

// What opening a FASTA with these files throws, and its kind.
ErrorKind kind_of(const Scratch& dir, const std::string& fasta, const std::string& index) {
    dir.write("x.fa", fasta);
    dir.write("x.fa.fai", index);
    try {
        FastaFile file(dir.path("x.fa"));
        std::vector<std::uint8_t> codes(1 << 12);
        for (std::size_t i = 0; i < file.contigs().size(); ++i)
            file.read(static_cast<int>(i), 0, std::min<std::int64_t>(file.contigs()[i].length, 1 << 12),
                      codes);
    } catch (const Error& error) {
        return error.kind();
    }
    return ErrorKind::interrupted;
}

std::string stream(const std::string& path, std::size_t piece) {
    FastaStream fasta(path);
    std::vector<std::uint8_t> codes(piece);
    std::string text;
    while (fasta.next()) {
        text += ">" + fasta.name() + "=";
        for (std::int64_t got; (got = fasta.read(codes)) > 0;)
            for (std::int64_t i = 0; i < got; ++i)
                text += regkit::decode_base(codes[static_cast<std::size_t>(i)]);
    }
    return text;
}

}  // namespace

TEST_CASE("codes and reverse complement") {
    const std::string letters = "NACGTnacgtRYSWKMBDHVU";
    for (const char c : letters) CHECK(regkit::encode_base(c) <= 4);
    CHECK(regkit::encode_base('a') == 1);
    CHECK(regkit::encode_base('T') == 4);
    CHECK((regkit::encode_base('U') == 4 && regkit::encode_base('u') == 4));
    for (const char c : std::string("XEZ*-. >\n\0", 10)) CHECK(regkit::encode_base(c) == 255);
    std::vector<std::uint8_t> read(6, 9);
    CHECK(regkit::encode_bases("AuRTgc", read.data()) == regkit::Encoded::clean);
    CHECK(read == std::vector<std::uint8_t>{1, 4, 0, 4, 3, 2});
    CHECK(regkit::encode_bases("A.*xXT", read.data()) == regkit::Encoded::placeholders);
    CHECK(read == std::vector<std::uint8_t>{1, 0, 0, 0, 0, 4});
    CHECK(regkit::encode_bases("A.-xXT", read.data()) == regkit::Encoded::bad);
    CHECK(read == std::vector<std::uint8_t>{1, 0, 255, 0, 0, 4});
    CHECK(regkit::count_placeholders("A.*xXNT") == 4);
    std::vector<std::uint8_t> codes{1, 2, 3, 4, 0};
    regkit::reverse_complement(codes);
    CHECK(codes == std::vector<std::uint8_t>{0, 1, 2, 3, 4});
}

TEST_CASE("a FASTA is indexed and read; outside the contig is N") {
    const Scratch dir;
    for (const char* end : {"\n", "\r\n"}) {
        const std::string e = end;
        FastaFile fasta(dir.write(
            "x" + std::to_string(e.size()) + ".fa",
            ">a first" + e + "ACGT" + e + "acgR" + e + "TT" + e + ">empty" + e + ">b" + e + "GGG" + e + e));
        REQUIRE(fasta.contigs().size() == 2);
        CHECK(fasta.contigs()[0].length == 10);
        CHECK(read(fasta, 0, -2, 12) == "NNACGTACGNTTNN");
        CHECK(read(fasta, 0, 3, 9) == "TACGNT");
        CHECK(read(fasta, 0, 5, 5).empty());
        CHECK(read(fasta, fasta.find("b"), 0, 3) == "GGG");
        CHECK(fasta.find("empty") == -1);
        CHECK(fasta.find("c") == -1);
    }
    CHECK(dir.read("x1.fa.fai") == "a\t10\t9\t4\t5\nb\t3\t32\t3\t4\n");
    FastaFile last(dir.write("unended.fa", ">a\nACGT\nAC"));
    CHECK(read(last, 0, 0, 6) == "ACGTAC");
    FastaFile single(dir.write("single.fa", ">a\nACGT"));
    CHECK(read(single, 0, 0, 4) == "ACGT");
}

TEST_CASE("blanks before a name and at the ends of lines are read as samtools reads them") {
    const Scratch dir;
    FastaFile fasta(dir.write("x.fa", ">  a first\nACGT  \nacgR  \nTT \n \t\r\n>\tb\nGGG \t\r\nG\n\n"));
    CHECK(dir.read("x.fa.fai") == "a\t10\t11\t4\t7\nb\t4\t37\t3\t7\n");
    CHECK(read(fasta, 0, 0, 10) == "ACGTACGNTT");
    CHECK(read(fasta, 0, 3, 9) == "TACGNT");
    CHECK(read(fasta, 1, 0, 4) == "GGGG");
    CHECK(fasta.md5(1) == "4b11a187dc597c6de5bb39dc96a5dbbf");
    for (const std::size_t piece : {1, 2, 3, 7, 64})
        CHECK(stream(dir.path("x.fa"), piece) == ">a=ACGTACGNTT>b=GGGG");
    // An index of longer lines than there are, or of blanks that are bases.
    CHECK(kind_of(dir, ">a\nACGT \nACGT \n", "a\t8\t3\t4\t6\n") == ErrorKind::interrupted);
    CHECK(kind_of(dir, ">a\nACGT \nACGT \n", "a\t10\t3\t5\t6\n") == ErrorKind::mismatch);
    CHECK(kind_of(dir, ">a\nACGTC\nACGTC\n", "a\t8\t3\t4\t6\n") == ErrorKind::mismatch);
}

TEST_CASE("U is T, and '.', '*' and X are N and counted once") {
    const Scratch dir;
    const std::string path = dir.write("x.fa", ">a\nUuAC\n.*GX\nxT\n>b\n...\n");
    FastaFile fasta(path);
    CHECK(read(fasta, 0, 0, 7) == "TTACNNG");
    CHECK(fasta.placeholders() == 2);
    CHECK(read(fasta, 0, 3, 10) == "CNNGNNT");
    CHECK(fasta.placeholders() == 4);
    CHECK(read(fasta, 1, 0, 3) == "NNN");
    CHECK(fasta.placeholders() == 7);
    CHECK(fasta.md5(0) == "2ec56c14c71c4039a82136cd4b759323");
    CHECK(fasta.placeholders() == 7);
    CHECK(stream(path, 3) == ">a=TTACNNGNNT>b=NNN");
    FastaStream whole(path);
    std::vector<std::uint8_t> codes(16);
    while (whole.next())
        while (whole.read(codes) > 0) {
        }
    CHECK(whole.placeholders() == 7);
}

TEST_CASE("an index of a line longer than 2^31 bases") {
    const Scratch dir;
    const std::string path =
        dir.write("x.fai", "a\t2300000000\t3\t2300000000\t2300000001\nb\t7\t2300000008\t7\t8\n");
    const auto entries = regkit::read_fasta_index(path, 2300000016);
    CHECK(entries[0].offset_of(2299999999) == 2300000002);
    CHECK_THROWS_AS(regkit::read_fasta_index(path, 2300000005), Error);
}

TEST_CASE("what cannot be indexed is named") {
    const Scratch dir;
    int number = 0;
    for (const char* bad : {"",
                            ">a\n",
                            "ACGT\n",
                            "\n>a\nAC\n",
                            ">a\nAC\nACG\n",
                            ">a\nACG\nA\nACG\n",
                            ">a\nAC\n\nAC\n",
                            ">a\nAC\n>a\nAC\n",
                            ">\nAC\n",
                            "> \nAC\n",
                            ">a\nACG\r\nACG\n\rACG\n",
                            ">a\nAC GT\n",
                            ">a\n ACGT\n",
                            ">a\nACGT \nACGT\nACGT\n",
                            ">a\nAC\rGT\n",
                            ">a\rACGT\rACGT\r",
                            ">a\r\rACGT\n",
                            ">chr\xc3\xa9\nACGT\n",
                            ">a\x1b[31m\nACGT\n",
                            ">a\x7f\nACGT\n"}) {
        const std::string path = dir.write("bad" + std::to_string(number++) + ".fa", bad);
        CHECK_THROWS_AS_MESSAGE(FastaFile{path}, Error, bad);
        CHECK_MESSAGE(dir.read("bad" + std::to_string(number - 1) + ".fa.fai").empty(), bad);
    }
    const std::string blanks(65, ' ');
    CHECK_THROWS_AS(FastaFile{dir.write("blanks.fa", ">a\nAC" + blanks + "\n")}, Error);
    // A name that is in the index of another program is refused by the same words.
    CHECK(kind_of(dir, ">chr\xc3\xa9\nACGT\n", "chr\xc3\xa9\t4\t7\t4\t5\n") == ErrorKind::input);
    CHECK_THROWS_WITH_AS(
        FastaFile{dir.write("mac.fa", ">a\rACGT\r" + std::string(2 << 20, 'A') + "\r")},
        (dir.path("mac.fa") +
         ":1: carriage return within a line; lines that end in CR alone are not read, convert "
         "them: tr '\\r' '\\n'")
            .c_str(),
        Error);
}

TEST_CASE("bad bytes are named by contig and position") {
    const Scratch dir;
    const std::string path = dir.write("x.fa", ">a\nACGT\nAC!T\n");
    FastaFile fasta(path);
    CHECK(read(fasta, 0, 0, 6) == "ACGTAC");
    CHECK_THROWS_WITH_AS(read(fasta, 0, 0, 8), (path + " (a:7): '!' is no nucleotide code").c_str(), Error);
    CHECK_THROWS_AS(fasta.md5(0), Error);
}

TEST_CASE("a crafted or stale index is a mismatch, never a crash") {
    const Scratch dir;
    const std::string fasta = ">a\nACGT\nAC\n>b\nGGGG\nGG\n";
    CHECK(kind_of(dir, fasta, "a\t6\t3\t4\t5\nb\t6\t14\t4\t5\n") == ErrorKind::interrupted);
    const std::vector<std::string> bad{
        "",
        "\n",
        "a\t6\t3\t4\n",
        "a\t6\t3\t0\t5\nb\t6\t14\t4\t5\n",
        "a\t6\t3\t4\t0\nb\t6\t14\t4\t5\n",
        "a\t6\t3\t4\t4\nb\t6\t14\t4\t5\n",
        "a\t6\t3\t4\t9\nb\t6\t14\t4\t5\n",
        "a\t5000000000\t3\t4\t5\n",
        "a\t9223372036854775807\t3\t1\t2\n",
        "a\t2305843009213693951\t3\t2\t4\n",
        "a\t6\t9999\t4\t5\n",
        "a\t6\t-3\t4\t5\nb\t6\t14\t4\t5\n",
        "a\t6\t3\t4\t5\na\t6\t14\t4\t5\n",
        "b\t6\t14\t4\t5\na\t6\t3\t4\t5\n",
        "a\t6\t3\t4\t5\n",
        "b\t6\t14\t4\t5\n",
        "a\t5\t3\t4\t5\nb\t6\t14\t4\t5\n",
        "a\t7\t3\t4\t5\nb\t6\t14\t4\t5\n",
        "a\t6\t3\t6\t7\nb\t6\t14\t4\t5\n",
        "a\t6\t3\t3\t4\nb\t6\t14\t4\t5\n",
        "c\t6\t3\t4\t5\nb\t6\t14\t4\t5\n",
        "a\t6\t3\t4\t5\nb\t6\t15\t4\t5\n",
        "a\t6\t3\t4\t5\nb\t7\t14\t4\t5\n",
        "a\t6\t3\t4\t5\nb\t4\t14\t4\t5\n",
        "a\t6\t3\t1e0\t5\nb\t6\t14\t4\t5\n",
    };
    for (const auto& index : bad) CHECK_MESSAGE(kind_of(dir, fasta, index) == ErrorKind::mismatch, index);
}

TEST_CASE("names that differ by convention are hinted at") {
    const Scratch dir;
    FastaFile fasta(dir.write("x.fa", ">chr1\nACGT\n>chrM\nACGT\n"));
    CHECK(fasta.require_contig("chr1") == 0);
    try {
        fasta.require_contig("MT");
        FAIL("found");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::mismatch);
        CHECK(std::strstr(error.what(), "chrM") != nullptr);
    }
    CHECK_THROWS_AS(fasta.require_contig("2"), Error);
    CHECK(regkit::ContigAlias("ucsc").candidates("1") == std::vector<std::string>{"1", "chr1"});
    const regkit::ContigAlias table(dir.write("alias", "#from\tto\nNC_1\tchr1\n"));
    CHECK(table.candidates("NC_1").front() == "chr1");
    CHECK(table.candidates("chr1") == std::vector<std::string>{"chr1"});
    CHECK_THROWS_AS(regkit::ContigAlias(dir.write("bad", "a b\n")), Error);
    CHECK_THROWS_AS(regkit::ContigAlias(dir.write("twice", "a\tb\na\tc\n")), Error);
}

TEST_CASE("streams give records in pieces of any size") {
    const Scratch dir;
    const std::string path =
        dir.write("x.fa", "\r\n>a first\r\nACGT\r\n\r\nacgR\r\nTT\r\n>empty\n>b\nGGG\n\nG");
    for (const std::size_t piece : {1, 2, 3, 5, 64})
        CHECK(stream(path, piece) == ">a=ACGTACGNTT>empty=>b=GGGG");
    for (const char* bad : {"", "\n\n", ">a\n", ">a\n>b\n", "ACGT\n", ">\nA\n", ">a\nAC>b\n", ">a\nA\rC\n",
                            ">a\nA C\n", "@a\nAC\n+\n##\n", "\n \n>a\nA\n", ">a\rACGT\rACGT\r", ">a\n ACGT\n",
                            ">chr\xc3\xa9\nACGT\n", ">a\x1b[b\nACGT\n"})
        for (const std::size_t piece : {1, 4})
            CHECK_THROWS_AS_MESSAGE(stream(dir.write("bad.fa", bad), piece), Error, bad);
    CHECK_THROWS_WITH_AS(stream(dir.write("bad.fa", ">a\nACGT\nAC!T\n"), 3),
                         (dir.path("bad.fa") + ":3 (a:7): '!' is no nucleotide code").c_str(), Error);
    // The rest of a record that is skipped is checked all the same.
    FastaStream skipping(dir.write("bad.fa", ">a\nAC!T\n>b\nA\n"));
    CHECK(skipping.next());
    CHECK_THROWS_AS(skipping.next(), Error);
}
