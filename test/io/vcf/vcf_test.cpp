#include "io/vcf/vcf.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/log.hpp"
#include "test/io/vcf/vcf_case.hpp"

using namespace regkit;
using namespace regkit::test;

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

TEST_CASE(
    "how much of a file was read follows its records, in every format; of a pipe or by an index it is not known") {
    const Scratch dir;
    constexpr int kMany = 40000;
    std::string text = kHeader;
    for (int i = 1; i <= kMany; ++i)
        text += "chr1\t" + std::to_string(i) + "\trs" + std::to_string(i * 9973) +
                "\tA\tC\t.\t.\tAC=1\tGT\t0\t0\n";
    dir.write("in.vcf", text);
    run("cd " + dir.path("") +
        " && gzip -c in.vcf > g.vcf.gz && bgzip -c in.vcf > b.vcf.gz && tabix -p vcf b.vcf.gz &&"
        " bcftools view -Ob -o c.bcf in.vcf 2> /dev/null && bcftools view -Ou -o u.bcf in.vcf 2> /dev/null && mkfifo p");
    for (const std::string name : {"in.vcf", "g.vcf.gz", "b.vcf.gz", "c.bcf", "u.bcf"}) {
        VcfReader reader(dir.path(name));
        VcfRecord record;
        double worst = 0;
        for (int i = 1; reader.next(record) == Got::record; ++i)
            worst = std::max(worst, std::fabs(reader.share_read() - static_cast<double>(i) / kMany));
        // Of what is compressed a block is read ahead.
        const double block = name == "in.vcf" ? 0 : 65536.0 / static_cast<double>(dir.read(name).size());
        CHECK_MESSAGE(worst < 0.02 + block, name);
        CHECK_MESSAGE(reader.share_read() == 1, name);
    }
    VcfReader part(dir.path("b.vcf.gz"));
    part.fetch({{"chr1", 0, 500}});
    CHECK(std::isnan(part.share_read()));
    run("cat " + dir.path("in.vcf") + " > " + dir.path("p") + " &");
    VcfReader pipe(dir.path("p"));
    VcfRecord record;
    while (pipe.next(record) == Got::record) CHECK(std::isnan(pipe.share_read()));
}
