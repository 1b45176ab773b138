// What the tests of src/io/vcf share: a small file, and bcftools at work.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "io/vcf/vcf.hpp"
#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

namespace regkit::test {

using Got = VcfReader::Got;

inline const std::string kHeader =
    "##fileformat=VCFv4.2\n##FILTER=<ID=q10,Description=\"low\">\n##contig=<ID=chr1,length=1000>\n##contig=<ID=chr2>\n"
    "##INFO=<ID=AC,Number=A,Type=Integer,Description=\"count\">\n"
    "##INFO=<ID=REG_MAX,Number=1,Type=String,Description=\"another tool's\">\n"
    "##INFO=<ID=REG_OLD,Number=1,Type=Integer,Description=\"old\">\n"
    "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"genotype\">\n"
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2\n";
inline const std::string kRecords =
    "chr1\t10\trs1\ta\tC,*\t3.5\tPASS\tAC=1,2\tGT\t0|1\t./.\n"
    "chr2\t0\t.\tN\t<DEL>\t.\tq10\t.\tGT\t0\t1\n"
    "chr1\t5\tx;y\tACGT\t.\t.\t.\tAC=0\tGT\t0/0\t0/0\n";

// Of the error that reading the file ends with.
inline std::string message(const std::string& path) {
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

inline void run(const std::string& command) {
    REQUIRE_MESSAGE(std::system(command.c_str()) == 0, command);
}

}  // namespace regkit::test
