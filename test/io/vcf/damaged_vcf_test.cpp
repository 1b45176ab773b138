// Files that are no VCF or BCF, or not whole, streamed and by their index.
#include "test/io/vcf/vcf_case.hpp"

using namespace regkit;
using namespace regkit::test;

TEST_CASE("text that htslib passes over in silence is refused, naming line and locus") {
    const Scratch dir;
    const auto with = [&](const std::string& line) {
        return message(dir.write("bad.vcf", kHeader + line + "\n"));
    };
    const std::string tail = "\t.\tA\tC\t.\t.\t.\tGT\t0\t0";
    CHECK(with("chr1\t20" + tail) == "accepted");
    CHECK(with("chr1\t4000000000" + tail) == "accepted");
    for (const char* pos : {"-20", "abc", "20.7", "", "99999999999999999999", " 20", "0x10"})
        CHECK_MESSAGE(with(std::string("chr1\t") + pos + tail).find("bad.vcf:10") != std::string::npos, pos);
    CHECK(with("chr1\t20\t.\tA").find("4 columns, the header has 11") != std::string::npos);
    CHECK(with("chr1\t20" + tail + "\t0").find("12 columns") != std::string::npos);
    CHECK(with("").find("bad.vcf:10: 1 column, ") != std::string::npos);
    CHECK(with("chr1\t20\t.\tA\tC\t.\t.\tAC=1" + std::string(1, '\0') + "2\tGT\t0\t0").find("NUL") !=
          std::string::npos);
    CHECK(with("\t20" + tail).find("empty CHROM") != std::string::npos);
}

TEST_CASE("files that are no VCF, or not whole") {
    const Scratch dir;
    CHECK_THROWS_AS(VcfReader(dir.path("absent.vcf")), Error);
    CHECK(message(dir.write("empty.vcf", "")).find("not a VCF") != std::string::npos);
    CHECK(message(dir.write("text.vcf", "hello\n")).find("not a VCF") != std::string::npos);
    CHECK(message(dir.write("fasta.vcf", ">chr1\nACGT\n")).find("not a VCF") != std::string::npos);
    CHECK(message(dir.write("head.vcf", "##fileformat=VCFv4.2\n")).find("no #CHROM line") !=
          std::string::npos);
    CHECK(message(dir.write("record.vcf", "##fileformat=VCFv4.2\nchr1\t1\n")).find(":2: a record before") !=
          std::string::npos);
    CHECK(message(dir.write("columns.vcf", "##fileformat=VCFv4.2\n#CHROM POS\n"))
              .find(":2: the column header") != std::string::npos);
    VcfReader twice(dir.write(
        "twice.vcf", "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\ts\n"));
    CHECK_THROWS_WITH_AS(VcfWriter(dir.path("twice.bcf"), twice.header(), {VariantFormat::bcf, false, 0}),
                         doctest::Contains("a sample twice"), Error);
    VcfReader crlf(dir.write(
        "crlf.vcf",
        "##fileformat=VCFv4.2\r\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\r\nchr1\t1\t.\tA\tC\t.\t.\t.\r\n"));
    VcfRecord record;
    CHECK(crlf.next(record) == Got::record);
    VcfReader torn(dir.write("torn.vcf", kHeader + "chr1\t10\t.\tA\tC\t.\t.\tAC=1\tGT\t0\t0"));
    CHECK(torn.next(record) == Got::record);
    CHECK(torn.next(record) == Got::end);
    CHECK(torn.unterminated());
}

TEST_CASE("a truncated or damaged compressed file is an error, wherever it was cut") {
    const Scratch dir;
    std::string text = kHeader;
    for (int i = 1; i <= 9000; ++i)
        text += "chr1\t" + std::to_string(1 + i * 7919 % 100000) + "\trs" + std::to_string(i * 104729) +
                "\tA\tC\t.\t.\tAC=" + std::to_string(i) + "\tGT\t0\t0\n";
    dir.write("whole.vcf", text);
    run("cd " + dir.path("") +
        " && bgzip -c whole.vcf > b.vcf.gz && gzip -c whole.vcf > g.vcf.gz && bcftools view -Ob -o w.bcf whole.vcf 2> /dev/null");
    for (const char* name : {"b.vcf.gz", "g.vcf.gz", "w.bcf"}) {
        CHECK(message(dir.path(name)) == "accepted");
        const std::string bytes = dir.read(name);
        for (const std::size_t keep :
             {bytes.size() - 1, bytes.size() - 28, bytes.size() / 2, std::size_t{5000}, std::size_t{40}}) {
            const std::string text_of_error = message(dir.write("cut", bytes.substr(0, keep)));
            CHECK_MESSAGE(text_of_error != "accepted", name << " cut at " << keep);
        }
        std::string flipped = bytes;
        flipped[bytes.size() / 2] = static_cast<char>(flipped[bytes.size() / 2] ^ 0x10);
        CHECK_MESSAGE(message(dir.write("flip", flipped)) != "accepted", name);
    }
}

TEST_CASE(
    "a truncated file is an error by its index too, whatever the regions, and an end without a newline is told") {
    const Scratch dir;
    std::string text = kHeader;
    text.replace(text.find("1000"), 4, "90000");
    constexpr int kRecords = 9000;
    for (int i = 1; i <= kRecords; ++i)
        text += "chr1\t" + std::to_string(10 * i) + "\trs" + std::to_string(i * 104729) +
                "\tA\tC\t.\t.\tAC=" + std::to_string(i) + "\tGT\t0\t0\n";
    dir.write("whole.vcf", text);
    run("cd " + dir.path("") +
        " && bgzip -c whole.vcf > b.vcf.gz && bcftools view -Ob -o w.bcf whole.vcf 2> /dev/null &&"
        " tabix -p vcf b.vcf.gz && bcftools index w.bcf");
    const auto fetched = [&](const std::string& path, std::int64_t begin, std::int64_t end) {
        VcfReader reader(path);
        reader.fetch({{"chr1", begin, end}});
        VcfRecord record;
        int records = 0;
        while (reader.next(record) == Got::record) ++records;
        CHECK(!reader.unterminated());
        return records;
    };
    for (const auto& [name, ending] : {std::pair("b.vcf.gz", ".tbi"), std::pair("w.bcf", ".csi")}) {
        CHECK(fetched(dir.path(name), 0, 1 << 28) == kRecords);
        const std::string bytes = dir.read(name);
        std::vector<std::size_t> cuts = {bytes.size() - 1, bytes.size() - 28, bytes.size() - 29,
                                         bytes.size() / 2};
        std::size_t block = 0;  // a cut between two blocks leaves nothing that htslib would stumble over
        while (block < bytes.size() / 2) {
            const auto low = static_cast<unsigned char>(bytes[block + 16]),
                       high = static_cast<unsigned char>(bytes[block + 17]);
            block += std::size_t{high} * 256 + low + 1;
        }
        cuts.push_back(block);
        for (const std::size_t keep : cuts) {
            const std::string cut = dir.write(std::string("cut-") + name, bytes.substr(0, keep));
            dir.write(std::string("cut-") + name + ending, dir.read(std::string(name) + ending));
            for (const std::int64_t end : {20, 1 << 28})
                CHECK_THROWS_WITH_AS(fetched(cut, 0, end),
                                     doctest::Contains("the file is truncated, copy it again"), Error);
        }
    }
    text.pop_back();
    dir.write("torn.vcf", text);
    run("cd " + dir.path("") + " && bgzip -f torn.vcf && tabix -p vcf torn.vcf.gz");
    for (const std::int64_t begin : {0, 10 * kRecords - 1}) {
        VcfReader reader(dir.path("torn.vcf.gz"));
        reader.fetch({{"chr1", begin, 1 << 28}});
        VcfRecord record;
        int records = 0;
        for (; reader.next(record) == Got::record; ++records)
            CHECK(!reader.unterminated() == (record.position() != 10 * kRecords - 1));
        CHECK(reader.unterminated());
        CHECK(records == (begin == 0 ? kRecords : 1));
    }
    CHECK(fetched(dir.path("torn.vcf.gz"), 0, 5000) == 500);
    CHECK(fetched(dir.path("torn.vcf.gz"), 0, 10 * kRecords - 1) ==
          kRecords - 1);  // the last is read, not given
}

TEST_CASE("a number that a BCF's header does not define is refused, streamed and by the index") {
    const Scratch dir;
    dir.write("in.vcf", kHeader + "chr1\t10\t.\tA\tC\t.\t.\tAC=77\tGT\t0\t0\n");
    run("cd " + dir.path("") +
        " && bcftools view -Ou -o whole in.vcf 2> /dev/null && bgzip -c whole > x.bcf && bcftools index x.bcf");
    std::string bytes = dir.read("whole");
    const auto at = bytes.rfind("\x11\x4d");  // the value, one byte wide; before it its key
    REQUIRE(at != std::string::npos);
    REQUIRE(bytes[at - 2] == '\x11');
    for (const bool damaged : {false, true}) {
        if (damaged) bytes[at - 1] = '\x7e';
        dir.write("whole", bytes);
        run("cd " + dir.path("") + " && bgzip -c whole > x.bcf && touch x.bcf.csi");
        for (const bool fetched : {false, true}) {
            VcfReader reader(dir.path("x.bcf"));
            if (fetched) reader.fetch({{"chr1", 0, 100}});
            VcfRecord record;
            if (damaged)
                CHECK_THROWS_WITH_AS(reader.next(record), doctest::Contains("x.bcf"), Error);
            else
                CHECK(reader.next(record) == Got::record);
        }
    }
}
