// Labels other than peaks of every base: bins and coverage.
#include <tuple>

#include "test/app/dataset/workshop.hpp"

namespace fs = std::filesystem;
using namespace regkit;
using namespace regkit::test;

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
