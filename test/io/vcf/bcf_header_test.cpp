// What VCF says and the header of a BCF does not define.
#include "base/log.hpp"
#include "test/io/vcf/vcf_case.hpp"

using namespace regkit;
using namespace regkit::test;

TEST_CASE("a name whose header line htslib does not take is not defined in BCF") {
    class Lines final : public Log {
      public:
        std::string text;

      private:
        void write(LogLevel, const std::string& line) override { text += line + "\n"; }
    };
    struct Row {
        const char *line, *record, *what;
    };
    // An odd key ends htslib's reading of a line, and bcftools would find no definition behind the numbers of
    // the records.
    const Row rows[] = {
        {"##INFO=<ID=XX,Number=1,Type=Float,Description=\"x\",my key=1>",
         "chr1\t10\t.\tA\tC\t.\t.\tXX=1\tGT\t0\t0\n", "INFO/XX"},
        {"##FILTER=<ID=XX,Description=\"x\",my key=1>", "chr1\t10\t.\tA\tC\t.\tXX\t.\tGT\t0\t0\n",
         "FILTER XX"},
        {"##FORMAT=<ID=XX,Number=1,Type=String,Description=\"x\",my key=1>",
         "chr1\t10\t.\tA\tC\t.\t.\t.\tGT:XX\t0:a\t0:b\n", "FORMAT/XX"},
        {"##contig=<ID=XX,length=7,my key=1>", "XX\t5\t.\tA\tC\t.\t.\t.\tGT\t0\t0\n", nullptr},
    };
    const auto columns = kHeader.find("#CHROM");
    for (const Row& row : rows) {
        const Scratch dir;
        const std::string in = dir.write(
            "in.vcf", kHeader.substr(0, columns) + row.line + "\n" + kHeader.substr(columns) + row.record);
        for (const bool lossy : {false, true}) {
            Lines log;
            VcfReader reader(in);
            VcfWriter writer(dir.path("o.bcf"), reader.header(), {VariantFormat::bcf, false, 0, &log, lossy});
            CHECK_MESSAGE(log.text.find("does not take the line") != std::string::npos, row.line);
            VcfRecord record;
            REQUIRE(reader.next(record) == Got::record);
            if (lossy && row.what != nullptr) {
                writer.write(record);
                writer.commit();
                CHECK_MESSAGE(log.text.find(row.what) != std::string::npos, log.text);
                run("bcftools view -H " + dir.path("o.bcf") + " > " + dir.path("read"));
                CHECK(dir.read("read").starts_with("chr1\t10\t.\tA\tC\t.\t.\t.\tGT\t0"));
            } else {
                CHECK_THROWS_WITH_AS(
                    writer.write(record),
                    doctest::Contains(row.what != nullptr ? row.what
                                                          : "a contig that the header does not define"),
                    Error);
            }
        }
    }
}

class Words final : public Log {
  public:
    std::string text;

  private:
    void write(LogLevel, const std::string& line) override { text += line + "\n"; }
};

TEST_CASE("what htslib would warn of in a header is told, into BCF and out of it") {
    struct Row {
        const char *line, *record, *what;
    };
    const std::string other = "##INFO=<ID=B,Number=1,Type=Integer,Description=\"x\">\n";
    const Row rows[] = {
        {"##INFO=<ID=A,Number=1,Type=Integer,Description=\"x\">", "A=1", ""},
        {"##INFO=<ID=A,Number=1,Type=Integer,Description=\"x\">  ", "A=1", ""},
        {"##INFO=<ID=A,Number=1,Type=Integer,Description=\"a \\\"b\\\" > c\">", "A=1", ""},
        {"##INFO=<ID=A,Number=1,Type=Integer,Description=\"x\">junk", "A=1", "behind its closing bracket"},
        {"##INFO=<ID=A,Number=1,Type=Integer,Description=less>more>", "A=1", "behind its closing bracket"},
        {"##INFO=<ID=A,Number=1,Type=Integer,Description=\"x\"", "A=1", "no closing bracket"},
        {"##INFO=<ID=A,Number=1,Type=Decimal,Description=\"x\">", "A=1.5", "unknown Type"},
        {"##INFO=<ID=A,Number=1,Description=\"x\">", "A=1.5", "no Type"},
        {"##INFO=<ID=A,Type=Integer,Description=\"x\">", "A=1,2", "no Number"},
        {"##INFO=<ID=A,Number=1,Type=Flag,Description=\"x\">", "A", "Flag with a Number"},
        {"##INFO=<ID=1A-,Number=1,Type=Integer,Description=\"x\">", "1A-=5", "an ID that VCF does not allow"},
        {"##contig=<ID=a(b,length=5>", "B=5", "an ID that VCF does not allow"},
        {"##INFO=<Number=1,Type=Integer,Description=\"x\">", "B=5", "does not take the line"},
        {"##FORMAT=<ID=PL,Number=.,Type=Integer,Description=\"x\">", "B=5", "should say Number=G"},
        {"##FORMAT=<ID=GL,Number=.,Type=Float,Description=\"x\">", "B=5", "should say Number=G"},
        {"##contig=<ID=chr5,assembly=\"b 37\",species=\"\",length=5>", "B=5", ""},
    };
    for (const Row& row : rows) {
        INFO(row.line);
        const Scratch dir;
        const std::string info = row.record + std::string(row.record[0] == 'B' ? "" : ";B=2");
        const std::string line = "chr1\t10\t.\tA\tC\t.\t.\t" + info + "\n";
        const std::string in = dir.write(
            "in.vcf", "##fileformat=VCFv4.3\n##contig=<ID=chr1,length=60>\n" + std::string(row.line) + "\n" +
                          other + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + line);
        Words written;
        VcfReader reader(in);
        VcfWriter writer(dir.path("o.bcf"), reader.header(), {VariantFormat::bcf, false, 0, &written, false});
        VcfRecord record;
        REQUIRE(reader.next(record) == Got::record);
        writer.write(record);
        writer.commit();
        run("bcftools view -H " + dir.path("o.bcf") + " > " + dir.path("read") + " 2> /dev/null");
        CHECK(dir.read("read") == line);
        // BCF of another program has its line as it is.
        run("bcftools view --no-version -Ou -o " + dir.path("theirs.bcf") + " " + in + " 2> /dev/null");
        Words read;
        VcfReader again(dir.path("theirs.bcf"), &read);
        if (std::string(row.what).empty()) {
            CHECK(written.text == "");
            CHECK(read.text == "");
        } else {
            CHECK(written.text.find(row.what) != std::string::npos);
            // bcftools takes away what lies behind a line, closes it, and writes Number=0.
            const bool mended = std::string(row.what).find("bracket") != std::string::npos ||
                                std::string(row.what).find("Flag") != std::string::npos;
            if (!mended && row.line != std::string("##INFO=<Number=1,Type=Integer,Description=\"x\">"))
                CHECK(read.text.find(row.what) != std::string::npos);
        }
    }
}

TEST_CASE("records keep their contigs in BCF, whatever the lines of contigs are") {
    const std::string lines[] = {
        "##contig=<ID=c1>\n##contig=<ID=c2,length=9>\n##contig=<ID=c3,md5=\"a,b\",length=9>\n",
        "##contig=<ID=c1>\n##contig=<ID=c1,length=9>\n##contig=<length=9,ID=c2>\n##contig=<ID=c3>\n",  // twice
        "##contig=<ID=c1>\n##contig=<ID=bad,length=?>\n##contig=<ID=c2> \n##contig=<ID=c3,length=9\n",  // odd
        "##contig=<ID=c2,IDX=7>\n##contig=<ID=c1,IDX=5>\n##contig=<ID=c3,length=9>\n",  // numbered
    };
    for (const std::string& contigs : lines) {
        INFO(contigs);
        const Scratch dir;
        const std::string records =
            "c3\t1\t.\tA\tC\t.\t.\t.\nc1\t2\t.\tA\tC\t.\t.\t.\nc2\t3\t.\tA\tC\t.\t.\t.\n";
        const std::string in =
            dir.write("in.vcf", "##fileformat=VCFv4.3\n" + contigs +
                                    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + records);
        NullLog log;
        VcfReader reader(in);
        VcfWriter writer(dir.path("o.bcf"), reader.header(), {VariantFormat::bcf, false, 0, &log, false});
        VcfRecord record;
        while (reader.next(record) == Got::record) writer.write(record);
        writer.commit();
        run("bcftools view -H " + dir.path("o.bcf") + " > " + dir.path("read") + " 2> /dev/null");
        CHECK(dir.read("read") == records);
    }
}

TEST_CASE("an END before POS is told where the record becomes BCF") {
    const Scratch dir;
    const std::string in = dir.write(
        "in.vcf",
        "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=60>\n##INFO=<ID=END,Number=1,Type=Integer,Description=\"x\">\n"
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t10\t.\tA\tC\t.\t.\tEND=9\nchr1\t11\t.\tA\tC\t.\t.\tEND=11\n");
    Words log;
    VcfReader reader(in);
    VcfWriter writer(dir.path("o.bcf"), reader.header(), {VariantFormat::bcf, false, 0, &log, false});
    VcfRecord record;
    while (reader.next(record) == Got::record) writer.write(record);
    CHECK(log.text.find("in.vcf:5 (chr1:10): INFO/END is smaller than POS") != std::string::npos);
    CHECK(log.text.find("chr1:11") == std::string::npos);
}

TEST_CASE("a line for which htslib refuses the whole header is named") {
    const Scratch dir;
    const std::string in = dir.write(
        "in.vcf",
        "##fileformat=VCFv4.2\n##META=<ID=A,Values=[a,b>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n");
    VcfReader reader(in);
    CHECK_THROWS_WITH_AS(VcfWriter(dir.path("o.bcf"), reader.header(), {VariantFormat::bcf, false, 0}),
                         doctest::Contains("the line ##META=<ID=A,Values=[a,b>"), Error);
}

TEST_CASE("BCF refuses what its header does not define; VCF keeps it") {
    const Scratch dir;
    const std::string in = dir.write(
        "in.vcf",
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr9\t10\t.\tA\tC\t.\tweird\tNEW=1\n");
    VcfRecord record;
    {
        VcfReader reader(in);
        VcfWriter writer(dir.path("o.vcf"), reader.header(), {});
        REQUIRE(reader.next(record) == Got::record);
        writer.write(record);
        writer.commit();
        CHECK(dir.read("o.vcf").ends_with("chr9\t10\t.\tA\tC\t.\tweird\tNEW=1\n"));
    }
    VcfReader reader(in);
    VcfWriter writer(dir.path("o.bcf"), reader.header(), {VariantFormat::bcf, false, 0});
    REQUIRE(reader.next(record) == Got::record);
    CHECK_THROWS_AS(writer.write(record), Error);
}
