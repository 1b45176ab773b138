#include "io/vcf/vcf.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/log.hpp"
#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

using namespace regkit;
using regkit::test::Scratch;
using Got = VcfReader::Got;

namespace {

const std::string kHeader =
    "##fileformat=VCFv4.2\n##FILTER=<ID=q10,Description=\"low\">\n##contig=<ID=chr1,length=1000>\n##contig=<ID=chr2>\n"
    "##INFO=<ID=AC,Number=A,Type=Integer,Description=\"count\">\n"
    "##INFO=<ID=REG_MAX,Number=1,Type=String,Description=\"another tool's\">\n"
    "##INFO=<ID=REG_OLD,Number=1,Type=Integer,Description=\"old\">\n"
    "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"genotype\">\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\n";
const std::string kRecords =
    "chr1\t10\trs1\ta\tC,*\t3.5\tPASS\tAC=1,2\tGT\t0|1\t./.\n"
    "chr2\t0\t.\tN\t<DEL>\t.\tq10\t.\tGT\t0\t1\n"
    "chr1\t5\tx;y\tACGT\t.\t.\t.\tAC=0\tGT\t0/0\t0/0\n";

std::string message(const std::string& path) {
    try {
        VcfReader reader(path);
        VcfRecord record;
        while (reader.next(record) == Got::record) {
        }
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::input);
        return error.what();
    }
    return "accepted";
}

void run(const std::string& command) {
    REQUIRE_MESSAGE(std::system(command.c_str()) == 0, command);
}

}  // namespace

TEST_CASE("records pass from reader to writer unchanged, in every format") {
    const Scratch dir;
    const std::string in = dir.write("in.vcf", kHeader + kRecords);
    for (const char* name : {"out.vcf", "out.vcf.gz", "out.bcf"}) {
        VcfReader reader(in);
        VcfWriter writer(dir.path(name), reader.header(), {variant_format_of(name), false, 0});
        VcfRecord record;
        while (reader.next(record) == Got::record) writer.write(record);
        writer.commit();
        VcfReader again(dir.path(name));
        CHECK(again.header().contigs().size() == 2);
        VcfWriter text(dir.path("text.vcf"), again.header(), {});
        while (again.next(record) == Got::record) text.write(record);
        text.commit();
        const std::string content = dir.read("text.vcf");
        CHECK_MESSAGE(content.ends_with("s2\n" + kRecords), name);
    }
}

TEST_CASE("what a record tells") {
    const Scratch dir;
    VcfReader reader(dir.write("in.vcf", kHeader + kRecords));
    CHECK(reader.header().contigs()[0].length == 1000);
    CHECK(reader.header().contigs()[1].length == 0);
    CHECK(reader.header().has_line("fileformat"));
    CHECK(!reader.header().has_line("reference"));
    VcfRecord r;
    REQUIRE(reader.next(r) == Got::record);
    CHECK(r.where() == dir.path("in.vcf") + ":10 (chr1:10)");
    CHECK(r.contig() == "chr1");
    CHECK(r.position() == 9);
    CHECK(r.id() == "rs1");
    CHECK(r.ref() == "a");
    REQUIRE(r.alts() == 2);
    CHECK(r.alt(0) == "C");
    CHECK(r.alt(1) == "*");
    REQUIRE(reader.next(r) == Got::record);
    CHECK(r.position() == -1);
    REQUIRE(reader.next(r) == Got::record);
    CHECK(r.alts() == 0);
    CHECK(reader.next(r) == Got::end);
    CHECK(reader.next(r) == Got::end);
    CHECK(!reader.unterminated());
}

TEST_CASE("INFO fields are removed and added, in text and BCF") {
    const Scratch dir;
    const std::string line = "chr1\t10\t.\tA\tC,G\t.\t.\tREG_OLD=3;AC=1,2;REG_MAX=text\tGT\t0|1\t./.\n";
    dir.write("in.vcf", kHeader + line);
    run("bcftools view -o " + dir.path("in.bcf") + " -O b " + dir.path("in.vcf"));
    for (const char* in : {"in.vcf", "in.bcf"}) {
        for (const char* out : {"out.vcf", "out.vcf.gz", "out.bcf"}) {
            VcfReader source(dir.path(in));
            const auto defined = source.header().info_definitions();
            REQUIRE(defined.size() == 3);
            CHECK(defined[1].id == "REG_MAX");
            CHECK(defined[1].type == "String");
            CHECK(defined[1].description == "another tool's");
            source.header().remove_info("REG_MAX");
            source.header().remove_info("REG_OLD");
            source.header().define_info({"REG_MAX", "A", "Float", "ours", "regsnp"});
            source.header().define_info({"REG_MARKER", "A", "String", "a \"quoted\" one", ""});
            VcfWriter writer(dir.path(out), source.header(), {variant_format_of(out), false, 0});
            VcfRecord record;
            REQUIRE(source.next(record) == Got::record);
            const std::vector<InfoField> fields = {
                {"REG_MAX", {0.25f, std::numeric_limits<float>::quiet_NaN()}, {}},
                {"REG_MARKER", {}, {"a;b=c, d", "."}}};
            CHECK(writer.write(record, fields) == 2);
            writer.commit();
            run("bcftools view -H " + dir.path(out) + " | cut -f8 > " + dir.path("info"));
            CHECK_MESSAGE(dir.read("info") == "AC=1,2;REG_MAX=0.25,.;REG_MARKER=a%3Bb%3Dc%2C%20d,.\n",
                          in << " to " << out);
            run("bcftools view -h " + dir.path(out) + " | grep 'INFO=<ID=REG_' > " + dir.path("definitions"));
            CHECK(dir.read("definitions") ==
                  "##INFO=<ID=REG_MAX,Number=A,Type=Float,Description=\"ours\",Source=\"regsnp\">\n"
                  "##INFO=<ID=REG_MARKER,Number=A,Type=String,Description=\"a \\\"quoted\\\" one\">\n");
        }
    }
}

TEST_CASE("a line of text leaves as it came, INFO extended") {
    struct Row {
        const char *info, *without, *with;
    };
    // Written without and with the field N=1; OLD is removed.
    const Row rows[] = {
        {".", ".", "N=1"},
        {"", "", "N=1"},
        {"A=1", "A=1", "A=1;N=1"},
        {"A=1;", "A=1;", "A=1;N=1"},
        {";;A;;", ";;A;;", ";;A;;N=1"},
        {"OLD=3", ".", "N=1"},
        {"OLD", ".", "N=1"},
        {"A=1;OLD=3;B=2", "A=1;B=2", "A=1;B=2;N=1"},
        {"OLD=3;A=1;OLD=4", "A=1", "A=1;N=1"},
        {"XOLD=3;OLDX=4;x=OLD", "XOLD=3;OLDX=4;x=OLD", "XOLD=3;OLDX=4;x=OLD;N=1"},
        {"NN=1;x=N;N2=N=3", "NN=1;x=N;N2=N=3", "NN=1;x=N;N2=N=3;N=1"},
        {"RS=2148352434;P=2.03e-78;MQ=1.5e+06;F=NaN,-Inf", "RS=2148352434;P=2.03e-78;MQ=1.5e+06;F=NaN,-Inf",
         "RS=2148352434;P=2.03e-78;MQ=1.5e+06;F=NaN,-Inf;N=1"},
    };
    const std::string head =
        "##fileformat=VCFv4.4\n##CommandLine=<caller -i x>\n## loose =words\n##INFO=<ID=A,Number=what\n##contig=<ID=c,1,length=7>\n"
        "##INFO=<ID=OLD,Number=1,Type=String,Description=\"x\">\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\ts\n";
    const std::string kept = head.substr(0, head.find("##INFO=<ID=OLD"));
    const std::string columns = head.substr(head.find("#CHROM"));
    const std::string left = "c,1\t007\t;;\tA\tX,C<INS>\t123456.789\todd filter;\t",
                      right = "\tGT:AD::DP\t/0|1:.:::99999999999";
    for (const std::string end : {"\n", "\r\n"}) {
        std::string in, without, with;
        const auto ended = [&](std::string text) {
            for (std::size_t at = text.find('\n'); end != "\n" && at != std::string::npos;
                 at = text.find('\n', at + 2))
                text.insert(at, "\r");
            return text;
        };
        for (const Row& row : rows) {
            in += left + row.info + right + "\t\n";
            without += left + row.without + right + "\t\n";
            with += left + row.with + right + "\t\n";
        }
        const Scratch dir;
        in = ended(head + in);
        in.resize(in.size() - end.size());  // a missing last newline is added
        for (const bool add : {false, true}) {
            VcfReader reader(dir.write("in.vcf", in));
            CHECK(reader.header().contig("c,1") != nullptr);
            CHECK(reader.header().contigs()[0].length == 7);
            reader.header().remove_info("OLD");
            reader.header().add_line("##ours");
            VcfWriter writer(dir.path("out.vcf"), reader.header(), {});
            VcfRecord record;
            const std::vector<InfoField> field = {{"N", {1.0f}, {}}};
            int removed = 0;
            while (reader.next(record) == Got::record)
                removed += writer.write(record, add ? std::span(field) : std::span<const InfoField>());
            writer.commit();
            CHECK(removed == 5);
            CHECK(reader.unterminated());
            CHECK(dir.read("out.vcf") == ended(kept + "##ours\n" + columns + (add ? with : without)));
        }
    }
}

TEST_CASE("a field that the header does not define is not written a second time") {
    const Scratch dir;
    VcfReader reader(dir.write("in.vcf", kHeader + "chr1\t10\t.\tA\tC\t.\t.\tNEW=1\tGT\t0\t0\n"));
    VcfWriter writer(dir.path("out.vcf"), reader.header(), {});
    VcfRecord record;
    REQUIRE(reader.next(record) == Got::record);
    const std::vector<InfoField> field = {{"NEW", {1.0f}, {}}};
    CHECK_THROWS_WITH_AS(writer.write(record, field),
                         doctest::Contains("in.vcf:10 (chr1:10): has INFO/NEW already"), Error);
}

TEST_CASE("a line that is longer than the room waits where it is") {
    const Scratch dir;
    const std::string line = "chr1\t10\t.\tA\tC\t.\t.\tX=" + std::string(300000, 'x') + "\tGT\t0\t0\n";
    VcfReader reader(dir.write("in.vcf", kHeader + line + line));
    VcfRecord record;
    REQUIRE(reader.next(record, 1000000) == Got::record);
    CHECK(reader.next(record, 100000) == Got::no_room);
    CHECK(reader.next(record, 200000) == Got::no_room);
    REQUIRE(reader.next(record) == Got::record);
    CHECK(record.where().ends_with("in.vcf:11 (chr1:10)"));
    CHECK(record.bytes() < 1000000);
    VcfWriter writer(dir.path("out.vcf"), reader.header(), {});
    writer.write(record);
    writer.commit();
    CHECK(dir.read("out.vcf") == kHeader + line);
    record.release();
    CHECK(record.bytes() < 1000);
}

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

TEST_CASE("an index comes with sorted output only") {
    const Scratch dir;
    const std::string sorted =
        "chr1\t10\t.\tA\tC\t.\t.\t.\tGT\t0\t0\nchr1\t900\t.\tA\tC\t.\t.\t.\tGT\t0\t0\nchr2\t4\t.\tA\tC\t.\t.\t.\tGT\t0\t0\n";
    for (const char* name : {"o.vcf.gz", "o.bcf"}) {
        VcfReader reader(dir.write("in.vcf", kHeader + sorted));
        VcfWriter writer(dir.path(name), reader.header(), {variant_format_of(name), true, 1000});
        VcfRecord record;
        while (reader.next(record) == Got::record) writer.write(record);
        writer.commit();
        run("bcftools view -H -r chr1:800-1000 " + dir.path(name) + " | cut -f2 > " + dir.path("hit"));
        CHECK(dir.read("hit") == "900\n");
    }
    VcfReader reader(dir.write("in.vcf", kHeader + kRecords));
    {
        VcfWriter writer(dir.path("u.vcf.gz"), reader.header(), {VariantFormat::vcf_gz, true, 1000});
        VcfRecord record;
        REQUIRE(reader.next(record) == Got::record);
        writer.write(record);
        REQUIRE(reader.next(record) == Got::record);
        writer.write(record);
        REQUIRE(reader.next(record) == Got::record);
        CHECK_THROWS_AS(writer.write(record), Error);
    }
    for (const std::string& name : dir.names()) CHECK(!name.starts_with("u.vcf.gz"));
    CHECK_THROWS_AS(VcfWriter(dir.path("p.vcf"), reader.header(), {VariantFormat::vcf, true, 1000}), Error);
}

TEST_CASE(
    "an older index goes where the output can have one, and stays beside plain text and uncompressed BCF") {
    const Scratch dir;
    const auto written = [&](const std::string& name, VariantFormat format) {
        for (const char* ending : {".tbi", ".csi", ".gzi"}) dir.write(name + ending, "somebody's");
        VcfReader reader(dir.write("in.vcf", kHeader + kRecords));
        VcfWriter writer(dir.path(name), reader.header(), {format, false, 0});
        VcfRecord record;
        while (reader.next(record) == Got::record) writer.write(record);
        writer.commit();
        int left = 0;
        for (const std::string& file : dir.names()) left += file.starts_with(name + ".");
        return left;
    };
    CHECK(written("x.vcf", VariantFormat::vcf) == 3);
    CHECK(written("u.bcf", VariantFormat::bcf_uncompressed) == 3);
    CHECK(written("x.vcf.gz", VariantFormat::vcf_gz) == 0);
    CHECK(written("x.bcf", VariantFormat::bcf) == 0);
}

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
