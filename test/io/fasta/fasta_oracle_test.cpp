// Against samtools and bgzip, on real sequence.
#include <doctest/doctest.h>

#include <filesystem>

#include "io/fasta/fasta.hpp"
#include "kernels/base/error.hpp"
#include "test/support/command.hpp"
#include "test/support/scratch.hpp"

namespace fs = std::filesystem;
using regkit::FastaFile;
using regkit::test::run;
using regkit::test::Scratch;

namespace {

std::string text_of(FastaFile& fasta, int contig, std::int64_t begin, std::int64_t end) {
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(end - begin));
    fasta.read(contig, begin, end, codes);
    std::string text;
    for (const auto code : codes) text += regkit::decode_base(code);
    return text;
}

}  // namespace

TEST_CASE("indexes, bases and checksums are samtools'") {
    regkit::test::need_program("samtools");
    regkit::test::need_program("bgzip");
    const Scratch dir;
    // Records of many shapes: line lengths, ends, empty, single line, last line full.
    std::string content, bases;
    std::uint32_t state = 7;
    for (int i = 0; i < 40; ++i) {
        content += (i % 3 == 2 ? "> c" : ">c") + std::to_string(i) + " text " +
                   std::string(static_cast<std::size_t>(i), 'x') + "\n";
        const std::size_t length = i == 5 ? 0 : static_cast<std::size_t>(i) * 997,
                          width = 1 + static_cast<std::size_t>(i * 13) % 90;
        for (std::size_t at = 0; at < length; ++at) {
            content += "ACGTacgtNnRrUu.*"[(state = state * 1664525 + 1013904223) >> 28 & 15];
            if (at % width == width - 1 || at + 1 == length) content += i % 7 == 3 ? " \t\n" : "\n";
        }
    }
    const std::string ours = dir.write("ours.fa", content), theirs = dir.write("theirs.fa", content);
    REQUIRE(run("samtools faidx " + theirs + " && bgzip -k " + theirs + " && cp " + theirs + ".gz " + ours +
                ".gz && samtools faidx " + theirs + ".gz")
                .code == 0);
    for (const char* end : {"", ".gz"}) {
        FastaFile fasta(ours + end);
        CHECK(dir.read("ours.fa" + std::string(end) + ".fai") ==
              dir.read("theirs.fa" + std::string(end) + ".fai"));
        const std::string dict = run("samtools dict " + theirs + end).output;
        for (int i = 0; i < 38; ++i) CHECK(dict.find("M5:" + fasta.md5(i) + "\t") != std::string::npos);
        for (int i = 0; i < 38; i += 3) {
            const std::int64_t length = fasta.contigs()[static_cast<std::size_t>(i)].length,
                               begin = length / 3, stop = length - 7;
            const std::string region = fasta.contigs()[static_cast<std::size_t>(i)].name + ":" +
                                       std::to_string(begin + 1) + "-" + std::to_string(stop);
            CHECK(text_of(fasta, i, begin, stop) + "\n" ==
                  run("samtools faidx " + theirs + " " + region +
                      " | grep -v '>' | tr -d '\\n' | tr a-z A-Z | tr 'RU.*' 'NTNN'; echo")
                      .output);
        }
    }
    CHECK(dir.read("ours.fa.gz.gzi") == dir.read("theirs.fa.gz.gzi"));
    // A .gzi of another file, or cut short, is noticed.
    const std::string gzi = dir.read("ours.fa.gz.gzi");
    for (std::string bad :
         {gzi.substr(0, gzi.size() - 1), gzi.substr(0, 4), std::string(), std::string("\xff") + gzi.substr(1),
          std::string(8, '\xff'), gzi.substr(0, 8) + "\x01" + gzi.substr(9),
          gzi.substr(0, 16) + "\x01" + gzi.substr(17)}) {
        dir.write("ours.fa.gz.gzi", bad);
        const auto use = [&] {
            FastaFile fasta(ours + ".gz");
            for (int i = 0; i < 38; ++i) fasta.md5(i);
        };
        CHECK_THROWS_AS_MESSAGE(use(), regkit::Error, bad.size());
    }
}

TEST_CASE("chromosome 20 of hg19") {
    const std::string path = std::string(REGKIT_DATA) + "/genome/hg19.chr20.fa.gz";
    regkit::test::need(fs::exists(path), path);
    FastaFile fasta(path);
    REQUIRE(fasta.contigs().size() == 1);
    CHECK(fasta.contigs()[0].length == 63025520);
    CHECK(fasta.md5(0) == "0dec9660ec1efaaf33281c0d5ea2560f");
}
