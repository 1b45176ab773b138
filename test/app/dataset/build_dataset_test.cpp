#include "app/dataset/build_dataset.hpp"

#include <cstring>

#include "app/dataset/marker_sheet.hpp"
#include "test/app/dataset/workshop.hpp"

namespace fs = std::filesystem;
using namespace regkit;
using namespace regkit::test;

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
    for (const auto& each : bad) {
        w.p.peaks = {w.dir.write("bad.bed", each.first)};
        CHECK_MESSAGE(w.kind() == each.second, each.first);
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
}

TEST_CASE("markers of files on the command line: their names and classes") {
    using regkit::markers_of_files;
    for (const char* path : {"x/CTCF.K562.narrowPeak.gz", "CTCF.K562.bed.bgz", "CTCF.K562", "CTCF.K562.BED"})
        CHECK(markers_of_files({path, "b.bed"})[0].marker.name == "CTCF.K562");
    const auto rows = markers_of_files({"CTCF=x/a.bed", "d=1/b.bed", "GATA 1=c=d.bed", "x/e=f.bed", "in=-"},
                                       {"TFBS", "GATA 1=a=b", "C*=x", "CTCF=Y"});
    const auto row = [&](std::size_t i) {
        return rows[i].marker.name + " " + rows[i].marker.class_name + " " + rows[i].path;
    };
    CHECK(row(0) == "CTCF Y x/a.bed");
    CHECK(row(1) == "d TFBS 1/b.bed");
    CHECK(row(2) == "GATA_1 a=b c=d.bed");
    CHECK(row(3) == "e_f TFBS x/e=f.bed");
    CHECK(row(4) == "in TFBS -");
    CHECK((rows[2].given == "GATA 1" && rows[0].file == "x/a.bed"));
    for (const std::vector<std::string>& bad :
         std::vector<std::vector<std::string>>{{"=a.bed"},
                                               {"A="},
                                               {"="},
                                               {" A=a.bed"},
                                               {"A\x1b=a.bed"},
                                               {"-"},
                                               {"A=a.bed", "A=b.bed"},
                                               {"A B=a.bed", "A_B=b.bed"},
                                               {"a.bed", "x/a.bed"},
                                               {"A=-", "B=-"}})
        CHECK_THROWS_AS_MESSAGE(markers_of_files(bad), Error, bad.front());
    for (const char* bad : {"", "=TFBS", "A=", "B=TFBS", "T\x1b", "A=\xc2\xb5"})
        CHECK_THROWS_AS_MESSAGE(markers_of_files({"A=a.bed"}, {bad}), Error, bad);
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
