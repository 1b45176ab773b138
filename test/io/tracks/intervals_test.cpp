#include "io/tracks/intervals.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>
#include <tuple>

#include "kernels/base/error.hpp"
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
    CHECK(read(dir.write(
                   "x.bed",
                   "browser position chr1\ntrack name=x\n#c\n\nchr1\t0\t5\r\nchr1 7  9 name\ntracks\t1\t2\n"),
               log) == "chr1:0-5 chr1:7-9 tracks:1-2 ");
    CHECK(read(dir.write("x.narrowPeak",
                         "chr1\t10\t20\t.\t5000\t.\t1.5\t-1\t-1\t-1\nchr1\t5\t8\tp\t0\t+\t1e-3\t2\t3\t2\n"),
               log) == "chr1:10-20 chr1:5-8 ");
    CHECK(log.count("summit-outside-peak") == 0);
    CHECK(read(dir.write("x.broadPeak", "chr1\t10\t20\t.\t0\t-\t1.5\t-1\t-1\n"), log) == "chr1:10-20 ");
    regkit::IntervalReader reader(
        dir.write("s.narrowPeak", "c\t10\t20\t.\t0\t.\t1\t-1\t-1\t10\nc\t10\t20\t.\t0\t.\t1\t-1\t-1\t9\n"),
        IntervalFormat::narrow_peak, log);
    regkit::Interval interval;
    while (reader.next(interval)) {
    }
    CHECK(reader.summits_outside() == 1);
    CHECK(log.count("summit-outside-peak") == 1);
}

TEST_CASE("names are column 4, but of bedGraph, which has none") {
    const Scratch dir;
    regkit::NullLog log;
    const auto names = [&](const std::string& path, IntervalFormat format) {
        regkit::IntervalReader reader(path, format, log);
        std::string all;
        for (regkit::Interval i; reader.next(i);) all += std::string(i.name) + ";";
        return all;
    };
    const std::string bed = dir.write("n.bed", "c\t1\t2\ta b\tx\nc\t3\t4\nc 5 6 d\nc\t7\t8\t\n");
    CHECK(names(bed, IntervalFormat::bed) == "a b;;d;;");
    const std::string peaks = dir.write("n.narrowPeak", "c\t10\t20\tp1\t0\t.\t1\t-1\t-1\t-1\n");
    CHECK(names(peaks, IntervalFormat::narrow_peak) == "p1;");
    CHECK(names(dir.write("n.bedGraph", "c\t1\t2\t3\n"), IntervalFormat::bed_graph) == ";");
}

TEST_CASE("a file that may not be quoted is quoted for --verbosity 5 alone") {
    class Debug final : public regkit::Log {
      public:
        std::string text;

      private:
        void write(regkit::LogLevel level, const std::string& line) override {
            CHECK(level == regkit::LogLevel::debug);
            text += line + "\n";
        }
    };
    const Scratch dir;
    const std::vector<std::tuple<IntervalFormat, const char*, const char*>> table{
        {IntervalFormat::bed, "secret", ":1: BED needs at least 3 columns, here are 1 column"},
        {IntervalFormat::bed, "c\tsecret\t9", ":1: position in column 2 is no whole number from 0"},
        {IntervalFormat::bed_graph, "c\t1\t2\tsecret", ":1: value in column 4 is no finite number"},
        {IntervalFormat::narrow_peak, "c\t1\t2\t.\tsecret\t.\t1\t1\t1\t-1",
         ":1: score in column 5 is no number from 0"},
        {IntervalFormat::narrow_peak, "c\t1\t2\t.\t0\tsecret\t1\t1\t1\t-1",
         ":1: strand in column 6 is none of . + -"},
        {IntervalFormat::narrow_peak, "c\t1\t2\t.\t0\t.\t1\t1\tsecret\t-1",
         ":1: value in column 9 is no finite number"},
        {IntervalFormat::narrow_peak, "c\t1\t2\t.\t0\t.\t1\t1\t1\tsecret",
         ":1: summit in column 10 is neither an offset nor -1"}};
    for (const auto& [format, line, what] : table) {
        Debug log;
        const std::string path = dir.write("x", std::string(line) + "\n");
        regkit::IntervalReader reader(path, format, log, nullptr, regkit::Blocks::use, regkit::Quote::no);
        regkit::Interval interval;
        CHECK_THROWS_WITH_AS(reader.next(interval), (path + what).c_str(), Error);
        CHECK(log.text.find("secret") != std::string::npos);
    }
}

TEST_CASE("blocks of BED12 and gappedPeak") {
    const Scratch dir;
    regkit::NullLog log;
    const auto blocks = [&](const std::string& text, regkit::Blocks use) {
        regkit::IntervalReader reader(dir.write("x.bed", text), IntervalFormat::bed, log, nullptr, use);
        std::string all;
        for (regkit::Interval i; reader.next(i);) {
            for (const auto& block : reader.blocks())
                all += std::to_string(block.begin) + "-" + std::to_string(block.end) + " ";
            all += "| ";
        }
        return all;
    };
    const std::string bed12 = "chr1\t100\t200\tn\t0\t+\t120\t180\t0,0,0\t3\t10,20,5,\t0,30,95,\n",
                      gapped = "chr1\t300\t400\tn\t0\t.\t0\t0\t0\t2\t1,7\t0,93\t5.5\t-1\t3\n",
                      six = "chr1\t500\t600\tn\t0\t+\n",
                      // The 20 columns of idr, and a table of somebody's own: no blocks in either.
        idr = "chr1\t700\t800\tn\t0\t.\t5\t4\t-1\t1\t100\t0\t1\t2\t3\t4\t5\t6\t7\t8\n",
                      own = "chr1\t900\t950\tn\t0\t.\t1.5\t2\tx\t1\t50\t0\n";
    CHECK(blocks(bed12 + gapped + six + idr, regkit::Blocks::use) ==
          "100-110 130-150 195-200 | 300-301 393-400 | 500-600 | 700-800 | ");
    CHECK(blocks(own + six + idr + own, regkit::Blocks::use) == "900-950 | 500-600 | 700-800 | 900-950 | ");
    CHECK(blocks(own + bed12, regkit::Blocks::ignore) == "900-950 | 100-200 | ");
    // The answer is one for all lines of so many columns, in either order.
    CHECK_THROWS_WITH_AS(blocks(bed12 + own, regkit::Blocks::use),
                         doctest::Contains(":2: columns 10 to 12 are no blocks, as line 1 has them"), Error);
    CHECK_THROWS_WITH_AS(blocks(own + bed12, regkit::Blocks::use),
                         doctest::Contains(":2: has blocks in columns 10 to 12, but line 1 has other things"),
                         Error);
    CHECK_THROWS_AS(
        blocks(bed12 + "chr1\t100\t200\tn\t0\t+\t120\t180\t0,0,0\t3\t10,20,5\n", regkit::Blocks::use), Error);
    CHECK(log.count("empty-block") == 0);
    CHECK(blocks("chr1\t100\t200\tn\t0\t+\t100\t200\t0\t3\t10,0,5\t0,30,95\n", regkit::Blocks::use) ==
          "100-110 195-200 | ");
    CHECK(log.count("empty-block") == 1);
    CHECK(blocks(bed12 + gapped, regkit::Blocks::ignore) == "100-200 | 300-400 | ");
    const std::string head = "chr1\t100\t200\tn\t0\t+\t100\t200\t0\t";
    for (const char* bad :
         {"2\t10\t0\n", "1\t10,5\t0,50\n", "2\t10,5\t0,96\n", "2\t10,5\t0,9\n", "2\t10,5\t50,0\n",
          "2\t10,,5\t0,50\n", "1\t99999999999999999999\t0\n", "2\t10,1\t0,1e2\n", "2\t10,1\t0,-5\n",
          "2\t10,1\t0;100\n", "2\t10,1x\t0,50\n", "1\t,10\t0\n", "0\t10\t0\n", "0\t\t\n", "2\t10,10\t\n",
          "0\t10,\t0,\n", "2\t10,5\t0, 50\n"}) {
        CHECK_THROWS_WITH_AS(blocks(head + bad, regkit::Blocks::use), doctest::Contains("--blocks ignore"),
                             Error);
        CHECK(blocks(head + bad, regkit::Blocks::ignore) == "100-200 | ");
    }
}

TEST_CASE("intervals of no length and NaN are left out and told; other columns hold any text") {
    const Scratch dir;
    regkit::NullLog log;
    CHECK(read(dir.write("x.bed", "chr1\t5\t5\nchr1\t7\t9\t\xc2\xb5-peak\t\xff\nchr1\t0\t0\n"), log) ==
          "chr1:7-9 ");
    CHECK(log.count("empty-interval") == 1);
    CHECK(read(dir.write("x.narrowPeak", "chr1\t10\t10\t.\t0\t.\t1\t-1\t-1\t0\n"), log) == "");
    CHECK(log.count("summit-outside-peak") == 0);
    regkit::IntervalReader reader(dir.write("x.bg", "c\t0\t5\tNaN\nc\t5\t6\t2\nc\t6\t9\t-nan\nc\t9\t9\t1\n"),
                                  IntervalFormat::bed_graph, log);
    regkit::Interval interval;
    CHECK(reader.next(interval));
    CHECK((interval.begin == 5 && interval.value == 2));
    CHECK_FALSE(reader.next(interval));
    CHECK((reader.no_data() == 2 && reader.empty() == 1));
    CHECK(log.count("no-data") == 1);
}

TEST_CASE("other formats are named, with what converts them") {
    const Scratch dir;
    regkit::NullLog log;
    for (const auto& [name, text, words] : std::vector<std::tuple<const char*, std::string, const char*>>{
             {"x.bed", "\xeb\xf2\x89\x87\x04", "this is bigBed, not text; convert it: bigBedToBed"},
             {"x.narrowPeak", "\x87\x89\xf2\xeb\x04", "bigBedToBed"},
             {"x.bed", "\x26\xfc\x8f\x88\x04", "this is bigWig"},
             {"x.bed", "track type=wiggle_0\nfixedStep chrom=chr1 start=1 step=5\n1\n",
              "x.bed:2: this is WIG; convert it to bigWig"},
             {"x.bed", "variableStep chrom=chr1\n1 5\n", "wigToBigWig"},
             {"x.narrowPeak",
              "c\t1\t9\tn\t0\t.\t1\t1\t1\t1" + std::string("\t1\t1\t1\t1\t1\t1\t1\t1\t1\t1\n"),
              "cut -f1-10"}})
        CHECK_THROWS_WITH_AS(read(dir.write(name, text), log), doctest::Contains(words), Error);
}

TEST_CASE("bedGraph is not taken for intervals") {
    const Scratch dir;
    regkit::NullLog log;
    const std::string values = "chr1\t0\t100\t0\nchr1\t100\t200\t3.5\nchr1\t200\t300\t0\nchr2\t0\t50\tNaN\n";
    for (const auto& [name, text] : std::vector<std::pair<const char*, std::string>>{
             {"x.bedGraph", "chr1\t0\t100\t0\n"},
             {"x.BEDGRAPH.gz", "chr1\t0\t100\t0\n"},
             {"x.bdg", ""},
             {"x.bg.bgz", "chr1\t0\t100\t0\n"},
             {"x.bed", "track type=bedGraph name=a\nchr1\t0\t100\t0\n"},
             {"x.bed", "#c\ntrack name=a type=\"bedGraph\"\n"},
             {"x.bed", values},
             {"x", "chr1 0 100 0\nchr1 100 200 2\nchr1 200 210 1e-3\n"}})
        CHECK_THROWS_WITH_AS(
            read(dir.write(name, text), log),
            doctest::Contains("this is bedGraph, values along the genome; use regds-build --target coverage"),
            Error);
    // Far into a file it is decided; what comes behind is no matter.
    std::string many;
    for (int i = 0; i < 99; ++i)
        many += "chr1\t" + std::to_string(i * 10) + "\t" + std::to_string(i * 10 + 10) + "\t" +
                std::to_string(i) + "\n";
    CHECK_NOTHROW(read(dir.write("x.bed", many + "chr1\t5000\t6000\tlast\n"), log));
    CHECK_THROWS_AS(read(dir.write("x.bed", many + "chr1\t5000\t6000\t1\nchr1\t7000\t8000\tlast\n"), log),
                    Error);
    // Numbers as names: peaks do not follow one another without a gap.
    CHECK(read(dir.write("x.bed", "chr1\t0\t10\t1\nchr1\t20\t30\t2\nchr1\t30\t40\t3\nchr1\t50\t60\t4\n"),
               log) == "chr1:0-10 chr1:20-30 chr1:30-40 chr1:50-60 ");
    CHECK_NOTHROW(read(dir.write("x.bed", "chr1\t0\t10\t1\nchr1\t10\t20\t2\n"), log));
    CHECK_NOTHROW(read(dir.write("x.bed", "chr1\t0\t10\ta\nchr1\t10\t20\tb\nchr1\t20\t30\tc\n"), log));
    CHECK_NOTHROW(read(dir.write("x.bed", "chr1\t0\t10\nchr1\t10\t20\nchr1\t20\t30\n"), log));
    CHECK_NOTHROW(
        read(dir.write("x.bed", "chr1\t0\t10\t1\t0\nchr1\t10\t20\t2\t0\nchr1\t20\t30\t3\t0\n"), log));
}

TEST_CASE("a byte order mark that a pipe brings alone does not end the file") {
    const Scratch dir;
    const std::string path = dir.path("pipe");
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    std::thread writer([&path] {
        std::ofstream out(path, std::ios::binary);
        out << "\xef\xbb\xbf" << std::flush;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        out << "chr1\t0\t5\n";
    });
    regkit::NullLog log;
    CHECK(read(path, log) == "chr1:0-5 ");
    writer.join();
}

TEST_CASE("windows with numbers as names are regions and masks") {
    const Scratch dir;
    regkit::NullLog log;
    const std::string windows = "chr1\t0\t100\t1\nchr1\t100\t200\t2\nchr1\t200\t300\t3\n";
    const auto count = [&](const std::string& name, const std::string& text, regkit::BedGraph rule) {
        regkit::IntervalReader reader(dir.write(name, text), IntervalFormat::bed, log, nullptr,
                                      regkit::Blocks::ignore, regkit::Quote::yes, rule);
        int found = 0;
        for (regkit::Interval i; reader.next(i);) ++found;
        return found;
    };
    CHECK(count("x.bed", windows, regkit::BedGraph::accept) == 3);
    CHECK(count("x.bg", windows, regkit::BedGraph::accept) == 3);
    CHECK(count("x.bed", windows, regkit::BedGraph::refuse_named) == 3);
    CHECK_THROWS_AS(count("x.bg", windows, regkit::BedGraph::refuse_named), Error);
    CHECK_THROWS_AS(count("x.bed", windows, regkit::BedGraph::refuse), Error);
}

TEST_CASE("a byte order mark is skipped; a contig may be called track") {
    const Scratch dir;
    regkit::NullLog log;
    CHECK(read(dir.write("x.bed",
                         "\xef\xbb\xbf"
                         "chr1\t0\t5\n"),
               log) == "chr1:0-5 ");
    CHECK(read(dir.write("x.bed",
                         "\xef\xbb\xbf"
                         "track name=x\ntrack\t1\t9\nbrowser 2 8\ntrack 5 x\ntrack\n"),
               log) == "track:1-9 browser:2-8 ");
    CHECK_THROWS_WITH_AS(read(dir.write("x.bed", "chr1\t0\t5\tn\rchr1\t7\t9\tm\r"), log),
                         doctest::Contains("x.bed:1: carriage return within a line"), Error);
    CHECK_THROWS_WITH_AS(read(dir.write("x.bed", "#head\rchr1\t7\t9\tm\r"), log),
                         doctest::Contains("carriage return"), Error);
}

TEST_CASE("malformed intervals are named by line") {
    const Scratch dir;
    regkit::NullLog log;
    for (const char* bad : {"chr1\t1\n", "chr1\t9\t5\n", "chr1\t-1\t5\n", "chr1\t1.0\t5\n",
                            "chr1\t1e3\t5000\n", "chr1\t1\t99999999999999999999\n", "chr1\t+1\t5\n",
                            "chr1\t 1\t5\n", "\t1\t5\n", "chr1,1,5\n", "chr1\t-0\t5\n"})
        CHECK_THROWS_AS_MESSAGE(read(dir.write("x.bed", bad), log), Error, bad);
    const std::string good = "chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\t5";
    CHECK_NOTHROW(read(dir.write("x.narrowPeak", good), log));
    for (const char* bad :
         {"chr1\t10\t20\n", "chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\n", "chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\t5\t6\n",
          "chr1\t10\t20\t.\tx\t.\t1\t-1\t-1\t5\n", "chr1\t10\t20\t.\t-5\t.\t1\t-1\t-1\t5\n",
          "chr1\t10\t20\t.\t0\t*\t1\t-1\t-1\t5\n", "chr1\t10\t20\t.\t0\t.\tnan\t-1\t-1\t5\n",
          "chr1\t10\t20\t.\t0\t.\t1\tinf\t-1\t5\n", "chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\t-2\n",
          "chr1\t10\t20\t.\t0\t.\t1\t-1\t-1\t1.5\n"})
        CHECK_THROWS_AS_MESSAGE(read(dir.write("x.narrowPeak", bad), log), Error, bad);
    CHECK_THROWS_WITH_AS(read(dir.write("x.bed", "#h\nchr1\t9\t5\n"), log),
                         (dir.path("x.bed") + ":2: the end 5 is before the start 9").c_str(), Error);
}
