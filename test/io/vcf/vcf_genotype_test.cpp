#include "kernels/base/error.hpp"
#include "test/io/vcf/vcf_case.hpp"

using namespace regkit;
using namespace regkit::test;

namespace {

const std::string kGenotypes =
    "##fileformat=VCFv4.2\n##contig=<ID=c,length=1000>\n"
    "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"x\">\n"
    "##FORMAT=<ID=PS,Number=1,Type=Integer,Description=\"x\">\n"
    "##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"x\">\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\n";

// A record's FORMAT and samples.
std::string row(const std::string& samples) {
    return "c\t5\t.\tA\tC,G\t.\t.\t.\t" + samples + "\n";
}

}  // namespace

TEST_CASE("genotypes and phase sets, the same of text and BCF") {
    constexpr int kNone = Genotype::kMissing;
    struct Expected {
        std::string samples;
        std::vector<int> alleles;  // of the second; none: there is no GT
        bool phased;
        std::string phase_set;
    };
    const std::vector<Expected> all{{"GT\t0|0\t0|1", {0, 1}, true, ""},
                                    {"GT\t0|0\t1/2", {1, 2}, false, ""},
                                    {"GT:PS\t0|0:3\t2|0:70000", {2, 0}, true, "70000"},
                                    {"GT:PS\t0|0:3\t2|0:.", {2, 0}, true, ""},
                                    {"GT:AD:PS\t0|0:1,2,3:7\t0|1:4,5,6:7", {0, 1}, true, "7"},
                                    {"GT:AD\t0|0:300,2,3\t1", {1}, true, ""},
                                    {"GT\t0\t./.", {kNone, kNone}, false, ""},
                                    {"GT\t0|0\t.|1", {kNone, 1}, true, ""},
                                    {"GT\t0|0\t0|1/1", {0, 1, 1}, false, ""},
                                    {"AD\t1,2,3\t4,5,6", {}, false, ""}};
    const Scratch dir;
    std::string text = kGenotypes;
    for (const Expected& expected : all) text += row(expected.samples);
    dir.write("in.vcf", text);
    run("bcftools view -o " + dir.path("in.bcf") + " -O b " + dir.path("in.vcf"));
    for (const char* name : {"in.vcf", "in.bcf"}) {
        VcfReader reader(dir.path(name));
        CHECK(reader.header().samples() == std::vector<std::string>{"s1", "s2"});
        CHECK(reader.header().is_bcf() == (std::string(name) == "in.bcf"));
        VcfRecord record;
        Genotype genotype;
        for (const Expected& expected : all) {
            REQUIRE(reader.next(record) == Got::record);
            CAPTURE(expected.samples);
            CHECK(reader.header().genotype(record, 1, genotype) == !expected.alleles.empty());
            CHECK(genotype.alleles == expected.alleles);
            if (!expected.alleles.empty()) CHECK(genotype.phased == expected.phased);
            CHECK(genotype.phase_set == expected.phase_set);
        }
    }
}

TEST_CASE("what is no genotype is an error") {
    const Scratch dir;
    for (const char* bad : {"0|3", "0|x", "0||1", "-1|0", "1|"}) {
        VcfReader reader(dir.write("in.vcf", kGenotypes + row(std::string("GT\t0|0\t") + bad)));
        VcfRecord record;
        Genotype genotype;
        REQUIRE(reader.next(record) == Got::record);
        CHECK(reader.header().genotype(record, 0, genotype));
        CHECK_THROWS_AS(reader.header().genotype(record, 1, genotype), Error);
    }
}

TEST_CASE("values of a header's lines, and of one behind another") {
    const Scratch dir;
    VcfReader reader(
        dir.write("in.vcf", "##fileformat=VCFv4.2\n##a=1\n##b=2\n##a=3=4\n##c=5\n" + kGenotypes.substr(21)));
    CHECK(reader.header().values_of("a") == std::vector<std::string>{"1", "3=4"});
    CHECK(reader.header().value_behind("a", "c") == "5");
    CHECK(reader.header().value_behind("b", "c").empty());
}
