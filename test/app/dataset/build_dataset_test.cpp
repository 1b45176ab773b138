#include "app/dataset/build_dataset.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <tuple>

#include "app/dataset/marker_sheet.hpp"
#include "app/dataset/window_split.hpp"
#include "app/model/genome_of.hpp"
#include "kernels/base/error.hpp"
#include "test/support/scratch.hpp"

namespace fs = std::filesystem;
using regkit::BuildDatasetParameters;
using regkit::Dataset;
using regkit::Error;
using regkit::ErrorKind;
using regkit::LabelRun;
using regkit::Split;
using regkit::test::Scratch;

namespace {

// Two contigs of 1,000 and 250 bases; N at a:100-149.
std::string genome() {
    std::string a, b;
    for (int i = 0; i < 1000; ++i) a += i >= 100 && i < 150 ? 'N' : "ACGT"[i * 7 % 4];
    for (int i = 0; i < 250; ++i) b += "ACGT"[i * 3 % 4];
    return ">a\n" + a + "\n>b text\n" + b + "\n";
}

struct Workshop {
    Scratch dir;
    regkit::NullLog log;
    BuildDatasetParameters p;

    Workshop() {
        p.fasta = dir.write("g.fa", genome());
        p.peaks = {dir.write("m1.bed", "a\t10\t30\na\t20\t40\na\t40\t45\nb\t0\t250\n"),
                   dir.write("m2.narrowPeak",
                             "b\t5\t9\t.\t0\t.\t1\t-1\t-1\t-1\na\t995\t1000\t.\t0\t.\t1\t-1\t-1\t99\n")};
        p.window = 100;
        p.output = dir.path("x.regds");
    }
    regkit::BuildDatasetSummary build() { return regkit::build_dataset(p, log); }
    ErrorKind kind() {
        try {
            build();
        } catch (const Error& error) {
            if (!p.output.empty()) CHECK_FALSE(fs::exists(p.output));
            message = error.what();
            return error.kind();
        }
        return ErrorKind::interrupted;
    }
    std::string message;
};

}  // namespace

TEST_CASE("windows, splits, peaks and prevalence") {
    Workshop w;
    w.p.masks = {w.dir.write("k1.bed", "a\t300\t306\nelsewhere\t1\t2\n"),
                 w.dir.write("k2.bed", "a\t305\t311\na\t400\t410\n")};
    w.p.valid = {"a:501-650"};
    w.p.test = {"b"};
    const auto s = w.build();
    CHECK(s.short_end == 1);   // b:200-250
    CHECK(s.too_much_n == 1);  // a:100-200
    CHECK(s.masked == 1);      // a:300-400: 11 bases once merged, 12 if added up; a:400-500 has 10, the limit
    CHECK(s.straddling == 1);  // a:600-700
    CHECK(s.unassigned == 0);
    CHECK(s.mask_elsewhere == 1);
    CHECK(s.summits_outside == 1);
    CHECK(s.intervals == 6);
    CHECK(s.peaks == 4);
    CHECK((s.train == 6 && s.valid == 1 && s.test == 2));

    const Dataset d = Dataset::load(w.p.output + "/");
    CHECK(d.window() == 100);
    CHECK(d.fasta_path() == w.p.fasta);
    REQUIRE(d.markers().size() == 2);
    CHECK(d.markers()[0].name == "m1");
    CHECK(d.markers()[0].prevalence == doctest::Approx(35.0 / 600));
    CHECK(d.markers()[1].prevalence == doctest::Approx(5.0 / 600));
    CHECK(d.windows().size() == 9);
    CHECK(d.select(Split::valid) == std::vector<std::int64_t>{3});
    CHECK(d.windows()[3].begin == 500);
    CHECK(w.dir.read("x.regds/dataset.json").find("\"version\"") != std::string::npos);
    std::vector<LabelRun> runs;
    d.labels(1, 0, 100, runs);
    d.labels(0, 25, 60, runs);
    REQUIRE(runs.size() == 3);
    CHECK((runs[0].begin == 0 && runs[0].end == 100 && runs[0].marker == 0));
    CHECK((runs[1].begin == 5 && runs[1].end == 9 && runs[1].marker == 1));
    CHECK((runs[2].begin == 0 && runs[2].end == 20 && runs[2].marker == 0));

    regkit::FastaFile fasta(w.p.fasta);
    CHECK_NOTHROW(d.check_reference(fasta, true));
    std::string other = genome();
    other[5] = other[5] == 'A' ? 'C' : 'A';
    regkit::FastaFile edited(w.dir.write("other.fa", other));
    CHECK_NOTHROW(d.check_reference(edited, false));
    CHECK_THROWS_AS(d.check_reference(edited, true), Error);
    regkit::FastaFile shorter(w.dir.write("shorter.fa", ">a\nACGT\n>b\nACGT\n"));
    CHECK_THROWS_AS(d.check_reference(shorter, false), Error);
}

TEST_CASE("a data set notices a FASTA of the same names and lengths and other bases, block by block") {
    Workshop w;
    // Contig a has two blocks and a bit, and a window in each; b has none.
    std::string a(2'100'000, 'N'), b = "ACGT";
    for (const std::size_t begin : {100'000u, 1'500'000u, 2'050'000u})
        for (std::size_t i = 0; i < 100; ++i) a[begin + i] = "ACGT"[i * 7 % 4];
    const auto fasta = [&](const std::string& name) {
        return regkit::FastaFile(w.dir.write(name, ">a\n" + a + "\n>b\n" + b + "\n"));
    };
    w.p.fasta = fasta("two.fa").path();
    w.p.peaks = {w.dir.write("m.bed", "a\t100000\t100010\n")};
    w.p.valid = {"a:1000001-2000000"};
    w.p.test = {"a:2000001-2100000"};
    w.build();
    const Dataset d = Dataset::load(w.p.output);
    REQUIRE(d.windows().size() == 3);
    CHECK(d.reference()[0].blocks.size() == 3);
    CHECK(d.reference()[1].blocks.empty());
    const auto differs = [&](regkit::FastaFile file, Split split) {
        try {
            const bool compared = d.check_windows(file, d.select(split));
            CHECK(compared);
            return std::string();
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::mismatch);
            return std::string(error.what());
        }
    };
    a[1'999'999] = 'C';
    for (const Split split : {Split::train, Split::test}) CHECK(differs(fasta("late.fa"), split).empty());
    CHECK(differs(fasta("late.fa"), Split::valid)
              .find("contig a has other bases than in the reference of " + w.p.output +
                    ", first in a:1000001-2000000; ") != std::string::npos);
    regkit::FastaFile late(w.dir.path("late.fa"));
    CHECK_THROWS_AS(d.check_reference(late, true), Error);
    CHECK_NOTHROW(d.check_reference(late, false));
    a[1'999'999] = 'R';  // N to the tools, as it was
    a[100'001] = static_cast<char>(a[100'001] | 0x20);
    regkit::FastaFile same = fasta("same.fa");
    CHECK_NOTHROW(d.check_reference(same, true));
    CHECK_NOTHROW(regkit::load_genome(d, same));
    b = "ACGA";
    regkit::FastaFile elsewhere = fasta("elsewhere.fa");
    CHECK_NOTHROW(regkit::load_genome(d, elsewhere));
    CHECK_THROWS_AS(d.check_reference(elsewhere, true), Error);
    a[2'099'999] = 'G';
    regkit::FastaFile end = fasta("end.fa");
    CHECK_THROWS_AS(regkit::load_genome(d, end), Error);

    // As an older regkit wrote it: names and lengths, and M5 where a contig is read whole.
    std::string description = w.dir.read("x.regds/dataset.json");
    description.erase(description.find(",\n    \"blocks\": 3"), 17);
    w.dir.write("x.regds/dataset.json", description);
    fs::remove(w.dir.path("x.regds/digests.bed"));
    const Dataset older = Dataset::load(w.p.output);
    CHECK_FALSE(older.check_windows(end, older.select(Split::test)));
    CHECK_THROWS_AS(regkit::load_genome(older, end), Error);
    CHECK_NOTHROW(older.check_reference(end, false));
}

TEST_CASE("peaks that do not fit the reference are left out or cut where that is asked for, and counted") {
    Workshop w;
    w.p.peaks = {w.dir.write("m.bed", "a\t10\t20\nz\t0\t9\na\t990\t1200\nb\t250\t300\nb\t5\t5\n"),
                 w.dir.write("n.bed", "y\t0\t9\na\t0\t40\tn\t0\t+\t0\t40\t0\t2\t10,5\t0,35\n")};
    CHECK(w.kind() == ErrorKind::mismatch);
    CHECK(w.message.find("m.bed:2: contig z is not in") != std::string::npos);
    CHECK(w.message.find("; --missing-contig skip leaves out what lies there") != std::string::npos);
    w.p.skip_missing = true;
    CHECK(w.kind() == ErrorKind::input);
    CHECK(
        w.message.find(
            "m.bed:3: ends at 1200, but a has 1000 bases; is it of another assembly? If it is not, --clip") !=
        std::string::npos);
    w.p.clip = true;
    const auto s = w.build();
    CHECK(s.intervals == 6);
    CHECK(s.peaks == 4);
    CHECK((s.left_out.empty == 1 && s.left_out.elsewhere == 2 && s.left_out.behind == 1 &&
           s.left_out.clipped == 1));
    const Dataset d = Dataset::load(w.p.output);
    std::vector<LabelRun> runs;
    d.labels(0, 0, 100, runs);
    d.labels(0, 950, 1000, runs);
    REQUIRE(runs.size() == 4);
    CHECK((runs[0].begin == 10 && runs[0].end == 20 && runs[0].marker == 0));
    CHECK((runs[1].begin == 0 && runs[1].end == 10 && runs[1].marker == 1));
    CHECK((runs[2].begin == 35 && runs[2].end == 40 && runs[2].marker == 1));
    CHECK((runs[3].begin == 40 && runs[3].end == 50 && runs[3].marker == 0));
    const std::string json = w.dir.read("x.regds/dataset.json");
    for (const char* part :
         {"\"no_length\": 1", "\"missing_contig\": 2", "\"behind_end\": 1", "\"intervals_clipped\": 1"})
        CHECK_MESSAGE(json.find(part) != std::string::npos, json);
    w.p.output = w.dir.path("outer.regds");
    w.p.use_blocks = false;
    CHECK(w.build().peaks == 3);
    // Names that differ by convention alone, and a file of which nothing lies on the reference, stay errors.
    w.p.output = w.dir.path("none.regds");
    w.p.peaks = {w.dir.write("c.bed", "chra\t0\t9\na\t0\t9\n")};
    CHECK(w.kind() == ErrorKind::mismatch);
    w.p.peaks = {w.dir.write("c.bed", "z\t0\t9\n")};
    CHECK(w.kind() == ErrorKind::mismatch);
    w.p.peaks = {w.dir.write("c.bed", "b\t250\t260\n")};
    CHECK(w.kind() == ErrorKind::input);
}

TEST_CASE("coverage that does not fit the reference, and NaN") {
    Workshop w;
    w.p.target = "coverage";
    w.p.label_bin = 20;
    w.p.skip_missing = w.p.clip = true;
    w.p.peaks = {w.dir.write(
        "c.bg", "z\t0\t5\t1\na\t0\t20\t2\na\t20\t40\tnan\na\t980\t1020\t4\na\t1020\t1030\t1\nb\t0\t0\t1\n")};
    const auto s = w.build();
    CHECK((s.intervals == 4 && s.peaks == 2));
    CHECK((s.left_out.empty == 1 && s.left_out.elsewhere == 1 && s.left_out.behind == 1 &&
           s.left_out.clipped == 1 && s.left_out.no_data == 1));
}

TEST_CASE("an empty mask masks nothing, with a warning") {
    Workshop w;
    w.p.masks = {w.dir.write("k.bed", "#chrom\tstart\tend\n")};
    CHECK(w.build().masked == 0);
    CHECK(w.log.count("empty-file") == 1);
}

TEST_CASE("named train regions leave the rest out") {
    Workshop w;
    w.p.train = {"a:-300"};
    w.p.test = {"a:301-400,a:401-500"};
    const auto s = w.build();
    CHECK((s.train == 2 && s.valid == 0 && s.test == 2));
    CHECK(s.unassigned == 7);
    CHECK(s.straddling == 0);
    w.p.output += "2";
    w.p.test = {"a:251-500"};
    CHECK_THROWS_AS(w.build(), Error);  // the splits overlap
    w.p.train = {"a:1-250"};
    CHECK(w.build().straddling == 1);
}

TEST_CASE("random splits keep blocks whole and follow the seed") {
    std::vector<regkit::Contig> contigs{{"a", 4000000}, {"b", 1000000}};
    std::vector<regkit::DatasetWindow> all;
    for (std::int32_t contig = 0; contig < 2; ++contig)
        for (std::int64_t begin = 0; begin + 1000 <= contigs[static_cast<std::size_t>(contig)].length;
             begin += 1000)
            all.push_back({contig, begin, Split::train});
    const auto deal = [&](std::int64_t block, std::uint64_t seed, std::int64_t dropped) {
        auto windows = all;
        CHECK(regkit::split_at_random(regkit::parse_random_split("random:0.8,0.1,0.1"), block, seed, 1000,
                                      contigs, windows) == dropped);
        return windows;
    };
    const auto count = [](const std::vector<regkit::DatasetWindow>& windows, Split split) {
        return std::count_if(windows.begin(), windows.end(), [&](const auto& w) { return w.split == split; });
    };
    for (const std::int64_t block : {std::int64_t{0}, std::int64_t{10000}}) {
        const auto one = deal(block, 1, 0), same = deal(block, 1, 0), two = deal(block, 2, 0);
        CHECK(count(one, Split::train) == 4000);
        CHECK(count(one, Split::valid) == 500);
        CHECK(count(one, Split::test) == 500);
        int differ = 0, changes = 0;
        for (std::size_t i = 0; i < one.size(); ++i) {
            CHECK(one[i].split == same[i].split);
            differ += one[i].split != two[i].split;
            if (block > 0 && i > 0 && one[i].begin % block != 0) changes += one[i].split != one[i - 1].split;
        }
        CHECK(differ > 500);
        CHECK(changes == 0);
    }
    auto uneven = all;
    const auto dropped = regkit::split_at_random(regkit::parse_random_split("random:0.5,0.25,0.25"), 10500, 1,
                                                 1000, contigs, uneven);
    CHECK(dropped > 0);
    CHECK(static_cast<std::size_t>(dropped) + uneven.size() == all.size());
    for (const char* bad : {"", "random", "random:", "random:0.8,0.1", "random:0.8,0.1,0.2",
                            "random:1.2,-0.1,-0.1", "random:.8,.1,.1,0", "other:0.8,0.1,0.1"})
        CHECK_THROWS_AS_MESSAGE(regkit::parse_random_split(bad), Error, bad);
}

TEST_CASE("windows that overlap are never in different splits") {
    const std::vector<regkit::Contig> contigs{{"a", 300000}};
    // Blocks shorter and longer than a window, with gaps between the windows here and there.
    for (const std::int64_t block :
         {std::int64_t{150}, std::int64_t{700}, std::int64_t{1000}, std::int64_t{5300}}) {
        std::vector<regkit::DatasetWindow> windows;
        for (std::int64_t begin = 0; begin + 1000 <= 300000; begin += begin % 7000 == 0 ? 1800 : 200)
            windows.push_back({0, begin, Split::train});
        const std::size_t all = windows.size();
        const auto dropped = regkit::split_at_random(regkit::parse_random_split("random:0.5,0.25,0.25"),
                                                     block, 1, 1000, contigs, windows);
        CHECK(dropped > 0);
        CHECK(windows.size() + static_cast<std::size_t>(dropped) == all);
        int leaks = 0;
        for (std::size_t i = 0; i < windows.size(); ++i)
            for (std::size_t j = i + 1; j < windows.size() && windows[j].begin < windows[i].begin + 1000; ++j)
                leaks += windows[i].split != windows[j].split;
        CHECK(leaks == 0);
    }
}

TEST_CASE("bins in the middle of windows") {
    Workshop w;
    w.p.target = "bin";
    w.p.window = 50;
    w.p.max_n = 0;
    w.p.label_bin = 20;
    const auto s = w.build();
    // Bins of 20 lie at 0, 20, 40, ...; windows reach 15 bases further on both sides.
    CHECK(s.short_end ==
          2 + 3);  // a: the first and the last; b: the first, and the last two (one a part of a bin)
    CHECK(s.too_much_n == 5);  // a: the bins from 80 to 160 and their neighbours
    CHECK(s.filters_labels);
    const Dataset d = Dataset::load(w.p.output);
    CHECK(d.layout() == regkit::LabelLayout{"bin", 20, 15, 1, 0.5});
    CHECK(s.kept() + s.unlabelled == 50 + 13 - s.short_end - s.too_much_n);
    // m1 covers a:10-45 (bins 0, 1 and a quarter of 2) and all of b; m2 covers a quarter of a's last bin, a
    // fifth of b's first.
    REQUIRE(d.windows().size() == 1 + 10);
    CHECK((d.windows()[0].contig == 0 && d.windows()[0].begin == 5));
    CHECK((d.windows()[1].contig == 1 && d.windows()[1].begin == 5));
    std::vector<LabelRun> runs;
    d.window_labels(0, runs);
    d.window_labels(1, runs);
    REQUIRE(runs.size() == 2);
    for (const LabelRun& run : runs)
        CHECK((run.begin == 0 && run.end == 1 && run.marker == 0 && run.value == 1));
    CHECK(d.markers()[0].prevalence == 1);
    CHECK(d.markers()[1].prevalence == 0);
    CHECK(w.dir.read("x.regds/dataset.json").find("\"keep_if\": [\n      \"any\"\n    ]") !=
          std::string::npos);

    w.p.force = true;
    w.p.keep_if = {"all"};
    CHECK(w.build().unlabelled == 0);
    w.p.keep_if = {"class:"};  // markers of files have no class
    CHECK(w.build().kept() == 11);
    w.p.keep_if = {"any"};
    w.p.min_overlap = 0;
    CHECK(w.build().kept() == 12);  // and a:40-60
}

TEST_CASE("coverage of bins") {
    Workshop w;
    w.p.target = "coverage";
    w.p.window = 100;
    w.p.label_bin = 20;
    // m1: a:0-20 is 2 * 10/20, a:20-60 is 4, a:60-80 is (4 * 1 + 0.5 * 9)/20; b's last ten bases are part of
    // no bin.
    w.p.peaks = {w.dir.write("m1.bedGraph",
                             "a\t0\t10\t2\na\t20\t61\t4\na\t61\t70\t.5\na\t500\t510\t0\nb\t230\t250\t3\n"),
                 w.dir.write("m2.bdg", "b\t0\t100\t1e3\na\t980\t1000\t7\n")};
    const auto s = w.build();
    CHECK(s.intervals == 7);
    CHECK(s.peaks == 3 + 1 + 1 + 1);
    const Dataset d = Dataset::load(w.p.output);
    CHECK(d.layout() == regkit::LabelLayout{"coverage", 20, 0, 5, 0});
    REQUIRE(d.markers().size() == 2);
    CHECK(d.markers()[0].name == "m1");
    CHECK(d.windows().size() == 11);  // all but the one with N
    CHECK(d.markers()[0].prevalence == doctest::Approx((1 + 4 + 4 + 0.425) / 55));
    CHECK(d.markers()[1].prevalence == doctest::Approx((5 * 1000 + 7) / 55.0));
    std::vector<LabelRun> runs;
    d.window_labels(0, runs);
    REQUIRE(runs.size() == 3);
    CHECK((runs[0].begin == 0 && runs[0].end == 1 && runs[0].value == 1));
    CHECK((runs[1].begin == 1 && runs[1].end == 3 && runs[1].value == 4));
    CHECK((runs[2].begin == 3 && runs[2].end == 4 && runs[2].value == 0.425f));
    CHECK(fs::exists(w.dir.path("x.regds/coverage.bed.gz.tbi")));
    CHECK_FALSE(fs::exists(w.dir.path("x.regds/peaks.bed.gz")));

    // m1 again: another contig first, and split at other places.
    w.p.provenance = false;
    w.p.force = true;
    w.build();
    const std::string first = w.dir.read("x.regds/coverage.bed.gz") + w.dir.read("x.regds/dataset.json");
    w.dir.write("m1.bedGraph", "b\t230\t240\t3\nb\t240\t250\t3\na\t0\t10\t2\na\t20\t61\t4\na\t61\t70\t0.5\n");
    w.p.workers = 3;
    w.build();
    CHECK(w.dir.read("x.regds/coverage.bed.gz") + w.dir.read("x.regds/dataset.json") == first);
    CHECK_FALSE(w.dir.read("x.regds/coverage.bed.gz").empty());

    for (const auto& [name, content] : std::vector<std::pair<std::string, std::string>>{
             {"coverage.bed.gz", "a\t0\t20\tm1\n"},
             {"coverage.bed.gz", "a\t0\t20\tm1\t0\n"},
             {"coverage.bed.gz", "a\t0\t20\tm1\t-1\n"},
             {"coverage.bed.gz", "a\t0\t20\tm1\tnan\n"},
             {"coverage.bed.gz", "a\t0\t20\tm1\t1e39\n"},
             {"coverage.bed.gz", "a\t0\t25\tm1\t1\n"},
             {"coverage.bed.gz", "a\t0\t40\tm1\t1\na\t20\t60\tm1\t2\n"},
             {"coverage.bed.gz", "a\t0\t20\tm1\t1\n"}}) {
        const std::string good = w.dir.read("x.regds/" + name);
        w.dir.write("x.regds/" + name, content);
        CHECK_THROWS_AS_MESSAGE(Dataset::load(w.p.output), Error, content);
        w.dir.write("x.regds/" + name, good);
    }
    std::string json = w.dir.read("x.regds/dataset.json");
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"\"bin\": 20", "\"bin\": 0"},
             {"\"bin\": 20", "\"bin\": 10"},
             {"\"count\": 5", "\"count\": 50"},
             {"\"count\": 5", "\"count\": 5.5"},
             {"\"offset\": 0", "\"offset\": -10"},
             {"\"offset\": 0", "\"offset\": 20"},
             {"\"offset\": 0", "\"offset\": 4611686018427387904"},
             {"\"offset\": 0", "\"offset\": false"},
             {"\"window\": 100", "\"window\": 100.5"},
             {"\"window\": 100", "\"window\": 1e300"},
             {"\"train\": 11", "\"train\": 11.5"},
             {"\"labels\"", "\"label\""},
             {"\"coverage\"", "\"bins\""}}) {
        std::string edited = json;
        REQUIRE(edited.find(from) != std::string::npos);
        edited.replace(edited.find(from), from.size(), to);
        w.dir.write("x.regds/dataset.json", edited);
        CHECK_THROWS_AS_MESSAGE(Dataset::load(w.p.output), Error, to);
    }
    w.dir.write("x.regds/dataset.json", json);
    CHECK_NOTHROW(Dataset::load(w.p.output));
}

TEST_CASE("coverage that is none") {
    Workshop w;
    w.p.target = "coverage";
    w.p.label_bin = 20;
    for (const auto& [text, where, kind] : std::vector<std::tuple<const char*, const char*, ErrorKind>>{
             {"a\t0\t10\t-1\n", "c.bg:1: ", ErrorKind::input},
             {"a\t0\t10\tinf\n", "c.bg:1: ", ErrorKind::input},
             {"a\t0\t10\t1e39\n", "too large", ErrorKind::input},
             {"a\t0\t10\n", "4 columns", ErrorKind::input},
             {"a\t0\t10\t1\t2\n", "4 columns", ErrorKind::input},
             {"a\t0\t10\t1\na\t9\t20\t1\n", "c.bg:2: ", ErrorKind::input},
             {"a\t0\t1\t1\nb\t0\t1\t1\na\t5\t6\t1\n", "c.bg:3: ", ErrorKind::input},
             {"a\t990\t1001\t1\n", "another assembly", ErrorKind::input},
             {"", "no interval", ErrorKind::input},
             {"a\t0\t100\tnan\n", "no interval with a value", ErrorKind::input},
             {"a\t0\t100\t0\n", "above 0", ErrorKind::input},
             {"b\t240\t250\t5\n", "above 0", ErrorKind::input},
             {"c\t0\t10\t1\n", "c.bg:1: ", ErrorKind::mismatch}}) {
        w.p.peaks = {w.dir.write("c.bg", text)};
        CHECK_MESSAGE(w.kind() == kind, text);
        CHECK_MESSAGE(w.message.find(where) != std::string::npos, w.message);
    }
    w.p.peaks = {w.dir.write("c.bw", "a\t0\t10\t1\n")};
    CHECK(w.kind() == ErrorKind::input);
    CHECK(w.message.find("no bigWig") != std::string::npos);
}

TEST_CASE("labels that do not fit their window") {
    const auto refused = [](void (*change)(BuildDatasetParameters&), const char* why) {
        Workshop w;
        w.p.target = "bin";
        w.p.label_bin = 20;
        w.p.split_block = 1000;
        change(w.p);
        CHECK_MESSAGE(w.kind() == ErrorKind::usage, why);
        CHECK_MESSAGE(w.message.find(why) != std::string::npos, w.message);
    };
    refused([](BuildDatasetParameters& p) { p.target = "other"; }, "--target 'other'");
    refused([](BuildDatasetParameters& p) { p.target = "nucleotide"; }, "every base");
    refused(
        [](BuildDatasetParameters& p) {
            p.target = "nucleotide";
            p.label_bin.reset();
            p.min_overlap = 0.5;
        },
        "--min-overlap");
    refused([](BuildDatasetParameters& p) { p.label_bin = 101; }, "do not fit into a window of 100");
    refused([](BuildDatasetParameters& p) { p.label_bin = 0; }, "do not fit");
    refused([](BuildDatasetParameters& p) { p.label_bins = 6; }, "6 bins of 20 bases do not fit");
    refused([](BuildDatasetParameters& p) { p.label_bin = 21; }, "79 bases around it is odd");
    refused([](BuildDatasetParameters& p) { p.min_overlap = 1; }, "less than 1");
    refused([](BuildDatasetParameters& p) { p.keep_if = {"some"}; }, "--keep-if 'some'");
    refused([](BuildDatasetParameters& p) { p.keep_if = {"class:", "any"}; }, "--keep-if any stands alone");
    refused([](BuildDatasetParameters& p) { p.keep_if = {"class:TFBS"}; }, "--keep-if class:TFBS: no marker");
    refused(
        [](BuildDatasetParameters& p) {
            p.split = "random:0.8,0.1,0.1";
            p.split_block = 0;
        },
        "--split-block 0");
}

TEST_CASE("the bytes depend on neither workers nor the order of intervals") {
    Workshop w;
    w.p.provenance = false;
    w.p.split = "random:0.5,0.25,0.25";
    w.p.split_block = 200;
    w.build();
    const auto bytes = [&] {
        std::string all;
        for (const char* name : {"windows.bed.gz", "windows.bed.gz.tbi", "peaks.bed.gz", "peaks.bed.gz.tbi",
                                 "reference.dict", "digests.bed", "dataset.json"})
            all += w.dir.read(std::string("x.regds/") + name) + "|";
        return all;
    };
    const std::string one = bytes();
    w.p.workers = 3;
    w.p.force = true;
    w.dir.write("m1.bed", "b\t0\t250\na\t40\t45\na\t20\t40\na\t10\t30\n");
    w.build();
    CHECK(bytes() == one);
}

TEST_CASE("contig names of other conventions are an error or an alias, never a silent zero") {
    Workshop w;
    w.dir.write("g.fa", ">chr1\n" + std::string(400, 'A') + "\n");
    w.p.peaks = {w.dir.write("m.bed", "1\t10\t30\n")};
    CHECK(w.kind() == ErrorKind::mismatch);
    CHECK(std::strstr(w.message.c_str(), "chr1") != nullptr);
    CHECK(std::strstr(w.message.c_str(), "m.bed:1") != nullptr);
    w.p.alias = "ucsc";
    CHECK(w.build().peaks == 1);
    w.p.force = true;
    w.p.alias = w.dir.write("alias", "X\tchr1\n");
    w.p.peaks = {w.dir.write("m.bed", "X\t10\t30\n")};
    CHECK(w.build().peaks == 1);
    w.p.masks = {w.dir.write("k.bed", "1\t1\t2\n")};
    w.p.output += "2";
    CHECK(w.kind() == ErrorKind::mismatch);
}

TEST_CASE("bad input leaves nothing behind and an old data set alone") {
    Workshop w;
    w.build();
    const std::string old = w.dir.read("x.regds/markers.tsv");
    w.p.force = true;
    w.p.peaks.push_back(w.dir.write("bad.bed", "a\t10\t2000\n"));
    CHECK_THROWS_AS(w.build(), Error);
    CHECK(w.dir.read("x.regds/markers.tsv") == old);
    for (const auto& name : w.dir.names()) CHECK_FALSE(name.ends_with(".tmp"));
    w.p.force = false;
    CHECK_THROWS_AS(w.build(), Error);
    w.p.output = w.dir.path("y.regds");
    const std::vector<std::pair<std::string, ErrorKind>> bad{{"a\t10\t1001\n", ErrorKind::input},
                                                             {"", ErrorKind::input},
                                                             {"#only a comment\n", ErrorKind::input},
                                                             {"c\t1\t2\n", ErrorKind::mismatch},
                                                             {"a\t1\tx\n", ErrorKind::input}};
    for (const auto& [text, kind] : bad) {
        w.p.peaks = {w.dir.write("bad.bed", text)};
        CHECK_MESSAGE(w.kind() == kind, text);
    }
    w.p.peaks = {w.dir.write("good.bed", "a\t1\t2\n")};
    for (const auto& break_it : std::vector<void (*)(BuildDatasetParameters&)>{
             [](BuildDatasetParameters& p) { p.window = 0; },
             [](BuildDatasetParameters& p) { p.max_n = 1.5; },
             [](BuildDatasetParameters& p) { p.peaks.clear(); },
             [](BuildDatasetParameters& p) { p.sheet = "x"; },
             [](BuildDatasetParameters& p) { p.peaks.push_back(p.peaks[0]); },
             [](BuildDatasetParameters& p) { p.output.clear(); },
             [](BuildDatasetParameters& p) { p.valid = {"a:1-1,001"}; },
             [](BuildDatasetParameters& p) { p.test = {"a:0-100"}; },
             [](BuildDatasetParameters& p) {
                 p.split = "random:1,0,0";
                 p.valid = {"a:1-100"};
             }}) {
        Workshop fresh;
        break_it(fresh.p);
        CHECK(fresh.kind() == ErrorKind::usage);
    }
}

TEST_CASE("marker sheets") {
    const Scratch dir;
    regkit::NullLog log;
    fs::create_directory(dir.path("p"));
    dir.write("p/a.bed", "");
    const std::string absolute = dir.write("b.bed", "");
    const auto rows = regkit::read_marker_sheet(
        dir.write("s.tsv", "peaks\tcell\tname\tnote\tclass\r\np/a.bed\tK562\tA\tx\tTFBS\r\n\n#c\n" +
                               absolute + "\t\tB (2)\t\t\n"),
        log);
    CHECK(log.count("unknown-column") == 1);
    REQUIRE(rows.size() == 2);
    CHECK(
        (rows[0].marker.name == "A" && rows[0].marker.cell == "K562" && rows[0].marker.class_name == "TFBS"));
    CHECK(rows[0].file == "p/a.bed");
    CHECK(rows[0].path == dir.path("p/a.bed"));
    CHECK(rows[1].path == absolute);
    CHECK((rows[1].given == "B (2)" && rows[1].marker.name == "B_(2)"));
    // Columns that are not used may hold anything.
    CHECK(regkit::read_marker_sheet(dir.write("s.tsv", "name\tpeaks\tnote\nA\tb.bed\t\xc2\xb5 \x1b\n"), log)
              .size() == 1);
    for (const char* row : {"A\x1b\tb.bed\tx\n", "A\tb.bed\t\x1b[31m\n", "A\tb.bed\t\xc2\xb5\n",
                            "\xc2\xb5\tb.bed\tx\n", "A b\tb.bed\tx\nA_b\tb.bed\tx\n"})
        CHECK_THROWS_AS_MESSAGE(
            regkit::read_marker_sheet(dir.write("s.tsv", std::string("name\tpeaks\tclass\n") + row), log),
            Error, row);
    for (const char* bad : {"", "name\tpeaks\n", "name peaks\nA a.bed\n", "name\tclass\nA\tB\n",
                            "name\tpeaks\nA\n", "name\tpeaks\nA\tb.bed\nA\tb.bed\n", "name\tpeaks\n\tb.bed\n",
                            "name\tpeaks\nA\t\n", "name\tname\tpeaks\nA\tB\tb.bed\n",
                            "name\tpeaks\n A\tb.bed\n", "name\tpeaks\nA\tp\n", "name\tpeaks\nA\tp/.\n"})
        CHECK_THROWS_AS_MESSAGE(regkit::read_marker_sheet(dir.write("s.tsv", bad), log), Error, bad);
    CHECK(regkit::markers_of_files({"x/CTCF.K562.narrowPeak.gz", "b.bed"})[0].marker.name == "CTCF.K562");
}

TEST_CASE("names of markers that an older version stored are cleaned, and told") {
    Workshop w;
    w.build();
    const auto replaced = [](std::string text, const std::string& from, const std::string& to) {
        for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
            text.replace(at, from.size(), to);
        return text;
    };
    w.dir.write("x.regds/markers.tsv", replaced(w.dir.read("x.regds/markers.tsv"), "\nm1\t", "\nm 1\x1b\t"));
    w.dir.write("x.regds/peaks.bed.gz",
                "a\t10\t45\tm 1\x1b\na\t995\t1000\tm2\nb\t0\t250\tm 1\x1b\nb\t5\t9\tm2\n");
    const Dataset d = Dataset::load(w.p.output, w.log);
    CHECK((d.markers()[0].name == "m_1_x1b" && d.markers()[1].name == "m2"));
    CHECK(w.log.count("marker-name") == 1);
    std::vector<LabelRun> runs;
    d.labels(0, 0, 100, runs);
    CHECK((runs.size() == 1 && runs[0].marker == 0 && runs[0].end == 45));
}

TEST_CASE("a data set that was tampered with is an error that names the file") {
    Workshop w;
    w.build();
    const std::vector<std::pair<std::string, std::string>> edits{
        {"dataset.json", "{"},
        {"dataset.json", "{}"},
        {"dataset.json", "[]"},
        {"reference.dict", "@HD\tVN:1.6\n"},
        {"reference.dict",
         "@SQ\tSN:a\tLN:1000\tM5:0123456789abcdef0123456789abcdef\n@SQ\tSN:b\tLN:250\tM5:0123456789abcdef0123456789abcdef\n"},
        {"reference.dict", "@SQ\tSN:a\tLN:0\tM5:0123456789abcdef0123456789abcdef\n"},
        {"markers.tsv", ""},
        {"markers.tsv", "name\n"},
        {"digests.bed", ""},
        {"digests.bed", "a\t0\t1000\t0123456789abcdef\n"},
        {"digests.bed", "a\t0\t1000\t0123456789abcde\nb\t0\t250\t0123456789abcdef\n"},
        {"digests.bed", "a\t0\t999\t0123456789abcdef\nb\t0\t250\t0123456789abcdef\n"},
        {"digests.bed", "a\t0\t1000\t0123456789abcdef\nc\t0\t250\t0123456789abcdef\n"},
        {"digests.bed", "a\t0\t1000\t0123456789abcdef\na\t0\t1000\t0123456789abcdef\n"},
        {"windows.bed.gz", ""},
        {"windows.bed.gz", "a\t0\t100\ttrain\n"},
        {"windows.bed.gz", "a\t0\t100\tother\n"},
        {"windows.bed.gz", "a\t900\t1001\ttrain\n"},
        {"windows.bed.gz", "c\t0\t100\ttrain\n"},
        {"windows.bed.gz", "b\t0\t100\ttrain\na\t0\t100\ttrain\n"},
        {"peaks.bed.gz", ""},
        {"peaks.bed.gz", "a\t10\t20\tm1\n"},
        {"peaks.bed.gz", "a\t10\t20\tm1\na\t20\t30\tm1\n"},
        {"peaks.bed.gz", "a\t10\t20\tm3\n"},
        {"peaks.bed.gz", "a\t10\t1020\tm1\n"},
        {"peaks.bed.gz", "a\t10\t9\tm1\n"},
        {"peaks.bed.gz", "a\t10\n"}};
    for (const auto& [name, content] : edits) {
        const std::string good = w.dir.read("x.regds/" + name);
        w.dir.write("x.regds/" + name, content);
        try {
            Dataset::load(w.p.output);
            FAIL("loaded with another " << name << ": " << content);
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::input);
            CHECK_MESSAGE(std::strstr(error.what(), "x.regds/") != nullptr, error.what());
        }
        w.dir.write("x.regds/" + name, good);
    }
    for (const char* name : {"windows.bed.gz", "peaks.bed.gz"}) {
        const std::string good = w.dir.read(std::string("x.regds/") + name);
        w.dir.write(std::string("x.regds/") + name, good.substr(0, good.size() - 28));
        CHECK_THROWS_AS(Dataset::load(w.p.output), Error);
        w.dir.write(std::string("x.regds/") + name, good);
    }
    CHECK_NOTHROW(Dataset::load(w.p.output));
    const std::string digests = w.dir.read("x.regds/digests.bed");
    fs::remove(w.dir.path("x.regds/digests.bed"));
    CHECK_THROWS_AS(Dataset::load(w.p.output), Error);
    w.dir.write("x.regds/digests.bed", digests);
    CHECK_NOTHROW(Dataset::load(w.p.output));
    fs::remove(w.dir.path("x.regds/markers.tsv"));
    CHECK_THROWS_AS(Dataset::load(w.p.output), Error);
    CHECK_THROWS_AS(Dataset::load(w.dir.path("absent")), Error);
}

TEST_CASE("file names and commands of any bytes make a data set that can be read") {
    Workshop w;
    const std::string folder = "J\xc3\xbcrgen\tand \xff";  // UTF-8, a tab, and a byte that is no UTF-8
    fs::create_directory(w.dir.path(folder));
    w.p.fasta = w.dir.write(folder + "/g.fa", genome());
    w.p.peaks = {w.dir.write(folder + "/m1.bed", "a\t10\t30\n")};
    w.p.command = "regds-build -f " + w.p.fasta;
    w.build();
    const Dataset dataset = Dataset::load(w.p.output);
    CHECK(dataset.markers().size() == 1);
    const std::string rows = w.dir.read("x.regds/markers.tsv");
    CHECK(rows.find("/J%C3%BCrgen%09and %FF/m1.bed\t") != rows.npos);
}
