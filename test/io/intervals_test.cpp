#include "io/intervals.hpp"

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "test/support/scratch.hpp"

using regkit::Error;
using regkit::IntervalFormat;
using regkit::test::Scratch;

namespace {

std::string read(const std::string& path, regkit::Log& log) {
    regkit::IntervalReader reader(path, regkit::interval_format(path), log);
    std::string all;
    for (regkit::Interval i; reader.next(i);)
        all += std::string(i.contig) + ":" + std::to_string(i.begin) + "-" + std::to_string(i.end) + " ";
    return all;
}

}  // namespace

TEST_CASE("the format follows the name") {
    CHECK(regkit::interval_format("a/b.narrowPeak.gz") == IntervalFormat::narrow_peak);
    CHECK(regkit::interval_format("b.narrowpeak") == IntervalFormat::narrow_peak);
    CHECK(regkit::interval_format("b.broadPeak.bgz") == IntervalFormat::broad_peak);
    CHECK(regkit::interval_format("narrowPeak.bed.gz") == IntervalFormat::bed);
    CHECK(regkit::interval_format("b.txt") == IntervalFormat::bed);
}

TEST_CASE("BED, narrowPeak and broadPeak are read") {
    const Scratch dir;
    regkit::NullLog log;
    CHECK(read(dir.write("x.bed", "browser position chr1\ntrack name=x\n#c\n\nchr1\t0\t5\r\nchr1 7  9 name\ntracks\t1\t2\n"), log) ==
          "chr1:0-5 chr1:7-9 tracks:1-2 ");
    CHECK(read(dir.write("x.narrowPeak", "chr1\t10\t20\t.\t5000\t.\t1.5\t-1\t-1\t-1\nchr1\t5\t8\tp\t0\t+\t1e-3\t2\t3\t2\n"), log) ==
          "chr1:10-20 chr1:5-8 ");
    CHECK(log.count("summit-outside-peak") == 0);
    CHECK(read(dir.write("x.broadPeak", "chr1\t10\t20\t.\t0\t-\t1.5\t-1\t-1\n"), log) == "chr1:10-20 ");
    regkit::IntervalReader reader(dir.write("s.narrowPeak", "c\t10\t20\t.\t0\t.\t1\t-1\t-1\t10\nc\t10\t20\t.\t0\t.\t1\t-1\t-1\t9\n"),
                                  IntervalFormat::narrow_peak, log);
    regkit::Interval interval;
    while (reader.next(interval)) {
    }
    CHECK(reader.summits_outside() == 1);
    CHECK(log.count("summit-outside-peak") == 1);
}

TEST_CASE("malformed intervals are named by line") {
    const Scratch dir;
    regkit::NullLog log;
    for (const char* bad : {"chr1\t1\n", "chr1\t5\t5\n", "chr1\t9\t5\n", "chr1\t-1\t5\n", "chr1\t1.0\t5\n", "chr1\t1e3\t5000\n",
                            "chr1\t1\t99999999999999999999\n", "chr1\t+1\t5\n", "chr1\t 1\t5\n", "\t1\t5\n", "chr1,1,5\n", "chr1\t-0\t5\n"})
        CHECK_THROWS_AS_MESSAGE(read(dir.write("x.bed", bad), log), Error, bad);
    const std::string good = "chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\t5";
    CHECK_NOTHROW(read(dir.write("x.narrowPeak", good), log));
    for (const char* bad : {"chr1\t10\t20\n", "chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\n", "chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\t5\t6\n",
                            "chr1\t10\t20\t.\tx\t.\t1\t-1\t-1\t5\n", "chr1\t10\t20\t.\t-5\t.\t1\t-1\t-1\t5\n",
                            "chr1\t10\t20\t.\t0\t*\t1\t-1\t-1\t5\n", "chr1\t10\t20\t.\t0\t.\tnan\t-1\t-1\t5\n",
                            "chr1\t10\t20\t.\t0\t.\t1\tinf\t-1\t5\n", "chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\t-2\n",
                            "chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\t1.5\n"})
        CHECK_THROWS_AS_MESSAGE(read(dir.write("x.narrowPeak", bad), log), Error, bad);
    CHECK_THROWS_WITH_AS(read(dir.write("x.bed", "#h\nchr1\t9\t5\n"), log),
                         (dir.path("x.bed") + ":2: the end 5 is not after the start 9").c_str(), Error);
}
